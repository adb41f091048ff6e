// Picture files -> pictures, or the fault that keeps one from being read, by its name in
// maskwatch/errors.py (ImageFault). Mirrors maskwatch/io/images.py; the browser decodes.

const PNG = 0x89504e47;
const JPEG = 0xffd8;
const SCAN = 0xffda; // of a JPEG, after all that is told of it
const HEAD_BYTES = 1 << 20; // with a preview, and colours

const SIGNATURES = [
  /^\xff\xd8\xff/,
  /^\x89PNG\r\n\x1a\n/,
  /^GIF8/,
  /^BM/,
  /^RIFF[^]{4}WEBP/,
];

/** The picture in a file, or the fault that keeps it from being read. @param {File} file @param {number} maxPixels */
export async function decode(file, maxPixels) {
  // a telephone that opened such a picture would end the page
  if ((await statedPixels(file).catch(() => 0)) > maxPixels) return "too_large";
  let bitmap;
  try {
    // colours as they stand in the file: Python converts none either
    bitmap = await createImageBitmap(file, { colorSpaceConversion: "none" });
  } catch {
    return readFault(file);
  }
  if (bitmap.width * bitmap.height <= maxPixels) return bitmap;
  bitmap.close();
  return "too_large";
}

/** How many pixels a PNG or JPEG says that it has; 0 for any other file. @param {Blob} file */
async function statedPixels(file) {
  const head = new DataView(await file.slice(0, HEAD_BYTES).arrayBuffer());
  if (head.byteLength < 24) return 0;
  if (head.getUint32(0) === PNG) return head.getUint32(16) * head.getUint32(20);
  if (head.getUint16(0) !== JPEG) return 0;
  for (let at = 2; at + 9 <= head.byteLength; at += 2 + head.getUint16(at + 2)) {
    const kind = head.getUint16(at);
    if (isFrameHead(kind)) return head.getUint16(at + 5) * head.getUint16(at + 7);
    if (kind < 0xffc0 || kind === SCAN) break;
  }
  return 0;
}

/** Whether a segment of a JPEG tells its size. @param {number} kind */
function isFrameHead(kind) {
  return kind >= 0xffc0 && kind <= 0xffcf && ![0xffc4, 0xffc8, 0xffcc].includes(kind);
}

/** @param {Blob} file @returns {Promise<"unavailable" | "empty" | "damaged" | "format">} */
async function readFault(file) {
  if (!file.size) return "empty";
  let bytes;
  try {
    bytes = new Uint8Array(await file.slice(0, 12).arrayBuffer());
  } catch {
    return "unavailable"; // removed or changed since it was chosen
  }
  const head = String.fromCharCode(...bytes);
  return SIGNATURES.some((signature) => signature.test(head)) ? "damaged" : "format";
}

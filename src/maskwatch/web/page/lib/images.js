// Picture files -> pictures, or the fault that keeps one from being read, by its name in
// maskwatch/errors.py (ImageFault). Mirrors maskwatch/io/images.py; the browser decodes.

// how files begin
const JPEG = 0xffd8;
const PNG = 0x8950;
const GIF = 0x4749;
const BMP = 0x424d;
const RIFF = 0x5249;

const OLD_BMP = 12; // bytes of its second header
const [VP8, VP8L, VP8X] = [0x56503820, 0x5650384c, 0x56503858]; // kinds of WebP
const SCAN = 0xffda; // of a JPEG, after all that is told of it
const [FTYP, ISPE] = [0x66747970, 0x69737065]; // of AVIF and HEIC: the first box, and the one with a size
const HEAD_BYTES = 1 << 20; // with a preview, and colours
const BOXES_BYTES = 1 << 16; // of a file in boxes, before its pictures

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

/** How many pixels a file says that it has; 0 where that is not known. @param {Blob} file */
async function statedPixels(file) {
  const head = new DataView(await file.slice(0, HEAD_BYTES).arrayBuffer());
  if (head.getUint32(4) === FTYP) return boxedPixels(head);
  switch (head.getUint16(0)) {
    case JPEG:
      return jpegPixels(head);
    case PNG:
      return head.getUint32(16) * head.getUint32(20);
    case GIF:
      return head.getUint16(6, true) * head.getUint16(8, true);
    case BMP:
      if (head.getUint32(14, true) === OLD_BMP) return head.getUint16(18, true) * head.getUint16(20, true);
      return Math.abs(head.getInt32(18, true) * head.getInt32(22, true)); // below 0 where it hangs upside down
    case RIFF:
      return webpPixels(head);
  }
  return 0;
}

/** Of the largest picture of a file, which may hold previews and tiles as well. @param {DataView} head of it */
function boxedPixels(head) {
  let pixels = 0;
  for (let at = 8; at + 16 <= Math.min(head.byteLength, BOXES_BYTES); at++) {
    if (head.getUint32(at) !== ISPE) continue;
    pixels = Math.max(pixels, head.getUint32(at + 8) * head.getUint32(at + 12));
  }
  return pixels;
}

/** @param {DataView} head of a file */
function webpPixels(head) {
  const bits = head.getUint32(21, true);
  switch (head.getUint32(12)) {
    case VP8:
      return (head.getUint16(26, true) & 0x3fff) * (head.getUint16(28, true) & 0x3fff);
    case VP8L:
      return ((bits & 0x3fff) + 1) * (((bits >> 14) & 0x3fff) + 1);
    case VP8X:
      return ((head.getUint32(23, true) >>> 8) + 1) * ((head.getUint32(26, true) >>> 8) + 1);
  }
  return 0;
}

/** @param {DataView} head of a file */
function jpegPixels(head) {
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

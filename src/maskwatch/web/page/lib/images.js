// Picture files -> pictures, or the fault that keeps one from being read, by its name in
// maskwatch/errors.py (ImageFault). Mirrors maskwatch/io/images.py; the browser decodes.

const SIGNATURES = [
  /^\xff\xd8\xff/,
  /^\x89PNG\r\n\x1a\n/,
  /^GIF8/,
  /^BM/,
  /^RIFF[^]{4}WEBP/,
];

/** The picture in a file, or the fault that keeps it from being read. @param {File} file @param {number} maxPixels */
export async function decode(file, maxPixels) {
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

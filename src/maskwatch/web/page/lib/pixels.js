// Decoded pictures and frames -> their pixels.

/** @type {OffscreenCanvas | undefined} */
let canvas;
/** @type {OffscreenCanvasRenderingContext2D | null} */
let context = null;

/**
 * What a canvas sees of a picture.
 * @param {ImageBitmap} bitmap @param {boolean} onWhite whether it may be transparent
 * @returns {import("./schema.js").Picture}
 */
export function toPicture(bitmap, onWhite) {
  const { width, height } = bitmap;
  if (canvas?.width !== width || canvas.height !== height) {
    canvas = new OffscreenCanvas(width, height);
    context = canvas.getContext("2d", { willReadFrequently: true });
  }
  if (!context) throw new Error("this browser gives no canvas");
  if (onWhite) {
    context.fillStyle = "white";
    context.fillRect(0, 0, width, height);
  }
  context.drawImage(bitmap, 0, 0);
  return { data: context.getImageData(0, 0, width, height).data, width, height, channels: 4 };
}

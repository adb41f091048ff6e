// Decoded pictures and frames -> their pixels.

/** @type {OffscreenCanvas | undefined} */
let canvas;
/** @type {OffscreenCanvasRenderingContext2D | null} */
let context = null;

/** What is said of a picture that is longer than a canvas can be; browsers differ in that. */
export const TOO_LARGE = "it is larger than this browser's canvas";

/** What a canvas sees of a picture, on white. @param {ImageBitmap} bitmap @returns {import("./schema.js").Picture} */
export function toPicture(bitmap) {
  const { width, height } = bitmap;
  if (canvas?.width !== width || canvas.height !== height) {
    canvas = new OffscreenCanvas(width, height);
    context = canvas.getContext("2d", { willReadFrequently: true });
  }
  if (!context) throw new Error("this browser gives no canvas");
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0);
  const { data } = context.getImageData(0, 0, width, height);
  if (!data[3]) throw new Error(TOO_LARGE); // nothing was drawn, or it would be opaque
  return { data, width, height, channels: 4 };
}

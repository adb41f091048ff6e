// Says so where a browser is too old for the page; in words that the oldest ones understand.

(function () {
  // one SIMD instruction, the smallest module there is
  var simd = [
    0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253,
    15, 253, 98, 11,
  ];
  var able =
    typeof WebAssembly === "object" &&
    WebAssembly.validate(new Uint8Array(simd)) &&
    typeof OffscreenCanvas === "function" &&
    typeof DecompressionStream === "function" &&
    typeof createImageBitmap === "function" &&
    "requestVideoFrameCallback" in HTMLVideoElement.prototype;
  if (!able) /** @type {HTMLElement} */ (document.getElementById("too_old")).hidden = false;
})();

// Says so where a browser is too old for the page, or a part of the page does not come; in words that
// the oldest ones understand.

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

  // until the page can say by itself what is wrong
  addEventListener("error", function (event) {
    tell(event.message);
  });
  /** @type {HTMLElement} */ (document.querySelector("script[type=module]")).onerror = function () {
    tell("app.js");
  };

  /** @param {string} why */
  function tell(why) {
    var status = /** @type {HTMLElement} */ (document.getElementById("status"));
    if (status.textContent) return;
    var broken = /** @type {HTMLElement} */ (document.getElementById("broken"));
    broken.textContent = String(broken.textContent).replace("{why}", why);
    broken.hidden = false;
  }
})();

// Elements of the page, made and found.

/** @typedef {import("./lib/schema.js").MaskState} MaskState */
/** @typedef {import("./lib/draw.js").Style} Style */
/** @typedef {import("./lib/text.js").Catalogue} Catalogue */
/** @typedef {DocumentOrShadowRoot & NonElementParentNode & ParentNode} Root a page, or a part of one */
/**
 * What all views share.
 * @typedef {object} Shared
 * @property {import("./client.js").Client} client
 * @property {Promise<void>} ready when the networks are loaded
 * @property {import("./lib/draw.js").Look & {samples: string[], max_pixels: number}} about
 * @property {() => Catalogue} say the words in the language of the moment
 * @property {Root} root what holds the page's elements
 * @property {(watching: import("./watching.js").Watching) => void} [began] hears of each video that begins
 */

/**
 * The element with this id.
 * @template {Element} T
 * @param {string} id @param {new () => T} kind @param {Root} [root]
 * @returns {T}
 */
export function found(id, kind, root = document) {
  const element = root.getElementById(id);
  if (element instanceof kind) return element;
  throw new Error(`no ${kind.name} ${id}`);
}

/**
 * A new element.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag @param {Partial<HTMLElementTagNameMap[T]>} [values] @param {(Node | string)[]} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function made(tag, values = {}, ...children) {
  const element = Object.assign(document.createElement(tag), values);
  element.append(...children);
  return element;
}

/** Writes the words of a page, or of a part of it. @param {ParentNode} root @param {Catalogue} say */
export function write(root, say) {
  for (const element of root.querySelectorAll("[data-text]")) {
    element.textContent = say.text(element.getAttribute("data-text") ?? "");
  }
}

/** A canvas and its pen. @param {HTMLCanvasElement} canvas @param {CanvasImageSource} picture @param {number} width @param {number} height */
export function painted(canvas, picture, width, height) {
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  if (!pen) throw new Error("this browser gives no canvas");
  pen.drawImage(picture, 0, 0, width, height);
  return pen;
}

/** A verdict in the colour, line and symbol of its border. @param {MaskState} state @param {Style} style @param {string} words */
export function badge(state, style, words) {
  const symbol = made("span", {}, style.symbol);
  symbol.setAttribute("aria-hidden", "true");
  const element = made("span", { className: "badge" }, symbol, " ", words);
  element.dataset.state = state;
  element.style.borderColor = style.colour;
  element.style.borderStyle = style.line;
  return element;
}

/** Lets the visitor keep a file. @param {Blob} content @param {string} name */
export function save(content, name) {
  const link = made("a", { href: URL.createObjectURL(content), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

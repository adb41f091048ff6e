// Numbers as Python rounds and writes them.

/** The nearest whole number, halves to the even one. @param {number} value */
export function roundHalfEven(value) {
  const low = Math.floor(value);
  const rest = value - low;
  return rest > 0.5 || (rest === 0.5 && low % 2 !== 0) ? low + 1 : low;
}

/**
 * Python's f"{value:.{digits}f}": exact, halves to the even digit.
 * @param {number} value @param {number} digits
 */
export function fixed(value, digits) {
  // a decimal half that binary can hold is an odd number of 2 ** -(digits + 1)
  const halves = Math.abs(value) * 2 ** (digits + 1);
  const text = value.toFixed(digits);
  if (halves % 2 !== 1 || !/[13579]$/.test(text)) return text;
  const down = Math.abs(value) - 10 ** -digits / 2; // the half that toFixed rounded up, to odd
  return `${value < 0 ? "-" : ""}${down.toFixed(digits)}`;
}

/** A fraction rounded as Python's round() does, which writes itself as Python does: 12.0, -0.0. */
export class Rounded {
  /** @param {number} value @param {number} digits */
  constructor(value, digits) {
    const text = fixed(value, digits);
    this.value = Number(text);
    this.text = text.includes(".") ? text.replace(/(\.\d+?)0+$/, "$1") : `${text}.0`;
    if (Object.is(value, -0)) this.text = "-0.0"; // toFixed leaves the sign out here only
  }

  toString() {
    return this.text;
  }

  toJSON() {
    return this.value;
  }
}

/** Selections as bit masks: bit r % 8 of byte r >> 3. */

/** @param {number} count */
export function emptyMask(count) {
  return new Uint8Array((count + 7) >> 3);
}

/** @param {Uint8Array | null} mask @param {number} row */
export function has(mask, row) {
  return mask !== null && ((mask[row >> 3] >> (row & 7)) & 1) === 1;
}

/** @param {ArrayLike<number>} rows @param {number} count */
export function maskOf(rows, count) {
  const mask = emptyMask(count);
  for (let i = 0; i < rows.length; i++) mask[rows[i] >> 3] |= 1 << (rows[i] & 7);
  return mask;
}

/** @param {Uint8Array} mask */
export function rowsOf(mask) {
  const rows = [];
  for (let byte = 0; byte < mask.length; byte++) {
    for (let bits = mask[byte], bit = 0; bits; bits >>= 1, bit++) if (bits & 1) rows.push(byte * 8 + bit);
  }
  return rows;
}

/** Masks are counted once: a selection is another mask, never a changed one. @type {WeakMap<Uint8Array, number>} */
const counts = new WeakMap();

/** @param {Uint8Array | null} mask */
export function countOf(mask) {
  if (!mask) return 0;
  let count = counts.get(mask) ?? -1;
  if (count >= 0) return count;
  count = 0;
  for (let byte = 0; byte < mask.length; byte++) for (let bits = mask[byte]; bits; bits &= bits - 1) count++;
  counts.set(mask, count);
  return count;
}

/**
 * What a new selection makes of the old one.
 * @param {Uint8Array | null} old
 * @param {Uint8Array} added
 * @param {"replace" | "add" | "remove" | "intersect"} how
 * @returns {Uint8Array | null}  null when nothing is left
 */
export function combine(old, added, how) {
  const before = old ?? new Uint8Array(added.length);
  const next = added.map((byte, at) => (how === "add" ? before[at] | byte : how === "remove" ? before[at] & ~byte : how === "intersect" ? before[at] & byte : byte));
  return countOf(next) ? next : null;
}

/** @param {Uint8Array | null} mask @param {number} count */
export function inverted(mask, count) {
  const next = emptyMask(count);
  for (let row = 0; row < count; row++) if (!has(mask, row)) next[row >> 3] |= 1 << (row & 7);
  return countOf(next) ? next : null;
}

/** @param {Uint8Array} mask */
export function toBase64(mask) {
  let text = "";
  for (let start = 0; start < mask.length; start += 8192) text += String.fromCharCode(...mask.subarray(start, start + 8192));
  return btoa(text);
}

/** @param {string} text */
export function fromBase64(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

/** The modifiers of an event as a way to combine. @param {{shiftKey?: boolean, altKey?: boolean}} event */
export function howOf({ shiftKey, altKey }) {
  return shiftKey && altKey ? "intersect" : shiftKey ? "add" : altKey ? "remove" : "replace";
}

/** Terms of the search language, as panels write them. */

/** @param {string} name  of a class, a split or any other value */
export function quoted(name) {
  return /^[\w.+-]+$/.test(name) && name.toLowerCase() !== "none" ? name : `"${name.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

/**
 * A test for one class; without one the samples where it is unknown.
 * @param {string} column  "label", "pred" or "pred@3"
 * @param {string[]} classes
 * @param {number} index  below 0 for none
 */
export function classTerm(column, classes, index) {
  return `${column}:${index < 0 ? "none" : quoted(classes[index])}`;
}

/** A column at an epoch of the run; a bare negative number would be a step back. @param {string} column @param {number} epoch */
export function atEpoch(column, epoch) {
  return `${column}@${epoch < 0 ? `${epoch}..${epoch}` : epoch}`;
}

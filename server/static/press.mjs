/** A press that went nowhere: a lasso that ends where it began is none. */

const STILL_PX = 4;

/**
 * Calls for each press of the pointer that did not move meanwhile.
 * @param {EventTarget} element
 * @param {(event: PointerEvent) => void} onpress
 */
export function onPress(element, onpress) {
  let [x, y, way] = [0, 0, Infinity];
  const move = (/** @type {any} */ event) => { way = Math.max(way, Math.hypot(event.clientX - x, event.clientY - y)); };
  element.addEventListener("pointerdown", (/** @type {any} */ event) => { [x, y, way] = [event.clientX, event.clientY, 0]; }, true);
  element.addEventListener("pointermove", move, true);
  element.addEventListener("pointerup", (/** @type {any} */ event) => {
    move(event);
    if (way < STILL_PX) onpress(event);
    way = Infinity;
  }, true);
}

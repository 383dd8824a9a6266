import assert from "node:assert/strict";
import { test } from "node:test";

import { onPress } from "../../server/static/press.mjs";

function pointer(kind, x, y) {
  return Object.assign(new Event(kind), { clientX: x, clientY: y });
}

test("a press counts where it did not move, and a lasso that comes back to its start does not", () => {
  const element = new EventTarget();
  const heard = [];
  onPress(element, (event) => heard.push([event.clientX, event.clientY]));
  const play = (...path) => {
    element.dispatchEvent(pointer("pointerdown", ...path[0]));
    for (const place of path) element.dispatchEvent(pointer("pointermove", ...place));
    element.dispatchEvent(pointer("pointerup", ...path.at(-1)));
  };
  play([5, 5], [6, 5]);
  play([5, 5], [90, 5], [90, 90], [5, 5]);
  element.dispatchEvent(pointer("pointerup", 5, 5)); // pressed elsewhere
  assert.deepEqual(heard, [[6, 5]]);
});

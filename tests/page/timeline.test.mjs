import assert from "node:assert/strict";
import { test } from "node:test";

import { ease } from "../../server/static/map.mjs";
import { nearestEpoch, nextInteresting } from "../../server/static/timeline.mjs";

test("a typed epoch that was not recorded goes to the nearest and says which there are", () => {
  assert.deepEqual(nearestEpoch([10, 20, 30], 20), { epoch: 20, text: "" });
  const between = nearestEpoch([10, 20, 30], 25);
  assert.ok([20, 30].includes(between.epoch));
  assert.match(between.text, /20 and 30/);
  assert.equal(nearestEpoch([10, 20, 30], 99).epoch, 30);
});

test("the next interesting epoch follows the order of recording", () => {
  const interesting = [{ epoch: 4, reason: "a" }, { epoch: 9, reason: "b" }];
  const epochs = [1, 4, 7, 9];
  assert.equal(nextInteresting(interesting, epochs, 4, 1).epoch, 9);
  assert.equal(nextInteresting(interesting, epochs, 7, -1).epoch, 4);
  assert.equal(nextInteresting(interesting, epochs, 9, 1), null);
  assert.equal(nextInteresting([], epochs, 4, -1), null);
});

test("a tween starts and ends at rest", () => {
  assert.equal(ease(0), 0);
  assert.equal(ease(1), 1);
  assert.ok(ease(0.1) < 0.1 && ease(0.9) > 0.9);
});

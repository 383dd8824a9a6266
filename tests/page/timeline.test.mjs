import assert from "node:assert/strict";
import { test } from "node:test";

import { ease } from "../../server/static/map.mjs";
import { nearestEpoch, nextInteresting, timelineLines } from "../../server/static/timeline.mjs";
import { counted } from "../../server/static/words.mjs";

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

test("one of something is not many", () => {
  assert.deepEqual([0, 1, 1797].map((count) => counted(count, "sample")), ["0 samples", "1 sample", "1,797 samples"]);
});

test("a tween starts and ends at rest", () => {
  assert.equal(ease(0), 0);
  assert.equal(ease(1), 1);
  assert.ok(ease(0.1) < 0.1 && ease(0.9) > 0.9);
});

test("one run has curves of its splits, two runs one each at epochs that stand side by side", () => {
  const one = { epochs: [0, 1, 2], accuracy: { train: [0, 0.9, 0.99], test: [0, 0.9, null] }, metrics: { train_loss: [10, 1, 0.1], val_loss: [null, null, null] } };
  const alone = timelineLines([one], one.epochs, (epoch) => epoch);
  assert.deepEqual(alone.map((line) => line.text), ["error, train", "error, test", "train loss"]);
  assert.ok(Math.abs(alone[0].values[1] + 1) < 1e-9);
  assert.equal(alone[1].values[2], null);
  const other = { epochs: [0, 2, 4], accuracy: { test: [0, 0.5, 0.9] }, metrics: { train_loss: [1, 0.1, 0.01] } };
  const both = timelineLines([one, other], one.epochs, (epoch) => 2 * epoch);
  assert.deepEqual(both.map((line) => line.text), ["error A, test", "train loss A", "error B, test", "train loss B"]);
  assert.deepEqual(both[3].values.map((value) => Math.round(value)), [0, -1, -2]);
});

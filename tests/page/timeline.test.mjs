import assert from "node:assert/strict";
import { test } from "node:test";

import { ease } from "../../server/static/map.mjs";
import { nearestEpoch, nextInteresting, unionOfStops } from "../../server/static/stops.mjs";
import { readings, shownSplits, timelineLines } from "../../server/static/timeline_lines.mjs";
import { Together } from "../../server/static/together.mjs";
import { counted } from "../../server/static/chart_math.mjs";

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

test("one run has curves of its splits, two runs one each at the stops where they have epochs of their own", () => {
  const one = { epochs: [0, 1, 2], accuracy: { train: [0, 0.9, 0.99], test: [0, 0.9, null] }, metrics: { train_loss: [10, 1, 0.1], val_loss: [null, null, null] } };
  const alone = timelineLines([one], unionOfStops(one.epochs));
  assert.deepEqual(alone.map((line) => line.text), ["error, train", "error, test", "train loss"]);
  assert.ok(Math.abs(alone[0].values[1] + 1) < 1e-9);
  assert.equal(alone[1].values[2], null);
  const other = { epochs: [0, 2, 4], accuracy: { test: [0, 0.5, 0.9] }, metrics: { train_loss: [1, 0.1, 0.01] } };
  const both = timelineLines([one, other], unionOfStops(one.epochs, other.epochs));
  assert.deepEqual(both.map((line) => line.text), ["error A, test", "train loss A", "error B, test", "train loss B"]);
  assert.deepEqual(both[3].values.map((value) => Math.round(value)), [0, -1, -2]);
  assert.deepEqual(both.map((line) => line.places), [[0, 1, 2], [0, 1, 2], [0, 2, 3], [0, 2, 3]]);
  const byAccuracy = [{ a: 0, b: 0 }, { a: 1, b: 4 }, { a: 2, b: 4 }].map((stop) => ({ ...stop, holdsA: false, holdsB: false }));
  assert.deepEqual(timelineLines([one, other], byAccuracy)[3].values.map((value) => Math.round(value)), [0, -2, -2]);
});

test("what is trained on is blue and what is kept out orange, in error and loss alike, whatever their order", () => {
  const run = { epochs: [0], accuracy: { test: [0.5], train: [0.6] }, metrics: { train_loss: [1], val_loss: [2] } };
  assert.deepEqual(timelineLines([run], unionOfStops(run.epochs)).map((line) => [line.text, line.shade]), [["error, train", 0], ["error, test", 1], ["train loss", 0], ["val loss", 1]]);
  assert.equal(timelineLines([run, run], unionOfStops([0])).filter((line) => line.text.endsWith("test")).length, 2);
  assert.deepEqual(shownSplits(["test", "unlabelled", "train", "val"]), [{ split: "unlabelled", shade: 0 }, { split: "test", shade: 1 }]);
  assert.deepEqual(shownSplits(["val", "test"]), [{ split: "val", shade: 1 }, { split: "test", shade: 2 }]);
  assert.deepEqual(shownSplits(["one", "two"]), [{ split: "one", shade: 0 }, { split: "two", shade: 2 }]);
  assert.deepEqual(shownSplits([]), []);
});

test("the loss is read beside the accuracy, in the line of its split", () => {
  const run = { epochs: [0, 1], accuracy: { test: [0.5, null], train: [0.6, 0.7] }, metrics: { train_loss: [1, 0.8], val_loss: [2, 1.5] } };
  const said = (lines) => lines.map((one) => `${one.name} ${one.parts.map((part) => `${part.text}${part.value}`).join(" ")}`);
  assert.deepEqual(said(readings([run], [0])), ["train 0.6 loss1", "test 0.5 val loss2"]);
  assert.deepEqual(said(readings([run], [1])), ["train 0.7 loss0.8", "test val loss1.5"]);
  assert.deepEqual(said(readings([run, run], [0, 1])), ["A 0.5 loss2", "B loss1.5"]);
  assert.deepEqual(said(readings([{ epochs: [0], metrics: { train_loss: [3] } }], [0])), ["train loss3"]);
  assert.deepEqual(readings([{ epochs: [0], metrics: {} }], [0]), []);
});

test("the slider of two runs holds the epochs of either, and says who holds", () => {
  assert.deepEqual(unionOfStops([0, 10], [5, 10, 20]), [
    { epoch: 0, a: 0, b: 5, holdsA: false, holdsB: true }, { epoch: 5, a: 0, b: 5, holdsA: true, holdsB: false },
    { epoch: 10, a: 10, b: 10, holdsA: false, holdsB: false }, { epoch: 20, a: 10, b: 20, holdsA: true, holdsB: false }]);
  const state = { epoch: 0, moment: null, join: "epoch" };
  const together = new Together({ runs: [{ epochs: [0, 10] }, { epochs: [5, 10, 20] }], store: { get: () => state } });
  assert.equal(together.holding(), "B has no epoch 0 and shows 5");
  Object.assign(state, together.at(6));
  assert.deepEqual([state.epoch, together.moment, together.epochOfRun(0), together.epochOfRun(1)], [0, 5, 0, 5]);
  assert.equal(together.holding(), "A has no epoch 5 and shows 0");
  state.epoch = 10; // somebody sets the epoch alone: what the slider stood at no longer fits
  assert.deepEqual([together.moment, together.epochOfRun(1), together.holding()], [10, 10, ""]);
  state.join = "10"; // set apart by hand: 15 of B is 5 of A, which A lacks
  assert.deepEqual(together.stops(), [
    { epoch: -5, a: 0, b: 5, holdsA: true, holdsB: false }, { epoch: 0, a: 0, b: 10, holdsA: false, holdsB: false }, { epoch: 10, a: 10, b: 20, holdsA: false, holdsB: false },
  ]);
  assert.deepEqual([together.moment, together.epochOfRun(1), together.holding()], [10, 20, ""]);
  Object.assign(state, together.at(-9));
  assert.deepEqual([state.epoch, together.moment, together.epochOfRun(1), together.holding()], [0, -5, 5, "A has no epoch -5 and shows 0"]);
  assert.deepEqual([together.otherEpoch(10), together.otherEpoch(10, "epoch"), together.otherEpoch(99, "-95")], [20, 10, 5]);
  state.interval = [0, 10];
  assert.deepEqual([together.intervalOf({ side: "a" }), together.intervalOf({ side: "b" })], [[0, 10], [10, 20]]);
  const alone = new Together({ runs: [{ epochs: [0, 10] }], store: { get: () => state } });
  assert.deepEqual(alone.stops().map((one) => one.epoch), [0, 10]); // what a link of two runs left behind moves no stop of one
  state.epoch = 10;
  together.byAccuracy = [{ a: 0, b: 10 }, { a: 10, b: 20 }];
  state.join = "accuracy";
  assert.deepEqual(together.stops().map((one) => [one.epoch, one.b]), [[0, 10], [10, 20]]);
  assert.deepEqual([together.epochOfRun(1), together.holding()], [20, ""]);
});

import assert from "node:assert/strict";
import { test } from "node:test";

import { axisNumbers, axisWords, endWords, isHeldOut, judgedSplit, smoothed } from "../../server/static/chart_math.mjs";
import { epochNumbers, nearestOf, scalarCharts, splitOf, valueAt } from "../../server/static/panels/curves.mjs";

test("smoothing of a constant is the constant, gaps stay gaps, nothing is smoothed by 0", () => {
  assert.deepEqual(smoothed([3, 3, null, 3], 0.9).map((value) => value && Number(value.toFixed(9))), [3, 3, null, 3]);
  assert.deepEqual(smoothed([1, null, NaN, 5], 0), [1, null, null, 5]);
  const [first, second] = smoothed([0, 1], 0.5);
  assert.equal(first, 0);
  assert.ok(Math.abs(second - 2 / 3) < 1e-12); // (0.5 · 1) / (1 − 0.25)
});

test("numbers of an axis are round, inside it, and whole where they must be", () => {
  assert.deepEqual(axisNumbers([0, 1], { count: 3 }), [0, 0.5, 1]);
  assert.deepEqual(axisNumbers([0.35, 1], { count: 3 }), [0.4, 0.6, 0.8, 1]);
  assert.deepEqual(axisNumbers([2, 2]), [2]);
  assert.deepEqual(axisNumbers([0.1, 0.3], { count: 3 }), [0.1, 0.2, 0.3]);
  assert.deepEqual(axisNumbers([1, 4], { count: 4, whole: true }), [1, 2, 3, 4]);
  assert.deepEqual(axisNumbers([1, 2], { count: 4, whole: true }), [1, 2]);
  for (const span of [[-3e-9, 2e-9], [1e7, 1.2e7], [-1, 1], [0.99, 0.9999], [0, 699]]) {
    const found = axisNumbers(span, { count: 3 });
    assert.ok(found.length >= 3 && found.length <= 8, `${span}: ${found}`);
    assert.ok(found.every((value) => value >= span[0] && value <= span[1]), `${span}: ${found}`);
  }
});

test("a logarithmic axis has powers of ten, and others where it holds fewer than two", () => {
  assert.deepEqual(axisNumbers([0.02, 30], { log: true }), [0.1, 1, 10]);
  assert.deepEqual(axisNumbers([0.15, 0.8], { log: true }), [0.2, 0.5]);
  assert.ok(axisNumbers([0.6, 0.7], { log: true, count: 3 }).length >= 2);
  assert.ok(axisNumbers([1e-12, 1e12], { log: true, count: 3 }).length <= 5);
});

test("numbers of an axis that are alike get digits until they differ", () => {
  assert.deepEqual(axisWords([0.99991, 0.99992]), ["0.99991", "0.99992"]);
  assert.deepEqual(axisWords([1, 2]), ["1", "2"]);
});

test("the ends of an axis are told apart, the higher first", () => {
  assert.deepEqual(endWords([0, 1]), ["1", "0"]);
  assert.deepEqual(endWords([0.991234, 0.99345]), ["0.993", "0.991"]);
  assert.deepEqual(endWords([2, 2]), ["2"]);
  assert.deepEqual(endWords([0.00213, 2.341]), ["2.3", "0.0021"]);
});

test("a split is known by its name, not by its place", () => {
  assert.deepEqual(["train", "pool", "val", "test", "validation"].map(isHeldOut), [false, false, true, true, true]);
  assert.equal(judgedSplit(["test", "train"]), "test");
  assert.equal(judgedSplit(["train", "test"]), "test");
  assert.equal(judgedSplit(["one", "two"]), "two");
  assert.equal(judgedSplit([]), undefined);
});

test("a scalar's split stands before or after its name, or nowhere", () => {
  assert.deepEqual(splitOf("train_loss"), { split: "train", rest: "loss" });
  assert.deepEqual(splitOf("val/top5"), { split: "val", rest: "top5" });
  assert.deepEqual(splitOf("f1_test"), { split: "test", rest: "f1" });
  assert.deepEqual(splitOf("trainable"), { split: "", rest: "trainable" });
});

test("splits of one scalar share a chart, what is trained on first and blue; what was never recorded has none", () => {
  const run = { epochs: [1, 2], metrics: { val_loss: [2, 1], train_loss: [3, null], gone: [null, null] }, accuracy: { test: [0.5, 1], train: [0.6, 1] }, learning_rate: [null, null] };
  const charts = scalarCharts([run]);
  assert.deepEqual(charts.map((one) => one.name), ["loss", "accuracy of the recorded samples"]);
  assert.deepEqual(charts[0].lines.map((line) => [line.text, line.shade]), [["train", 0], ["val", 1]]);
  assert.deepEqual(charts[1].lines.map((line) => [line.text, line.shade]), [["train", 0], ["test", 1]]);
  assert.deepEqual(scalarCharts([{ epochs: [1], metrics: { train_loss: [null] } }]), []);
  assert.deepEqual(scalarCharts([{ epochs: [1], metrics: { val_f: [1], test_f: [2], train_f: [3] } }])[0].lines.map((line) => line.shade), [0, 1, 2]);
});

test("two runs stand in one chart, each with its own epochs and colour", () => {
  const a = { epochs: [0, 2], metrics: { train_loss: [1, 2], val_loss: [1, 2] } };
  const b = { epochs: [0, 1, 2], metrics: { train_loss: [4, 5, 6], lr: [1, 1, 1] } };
  const [loss, lr] = scalarCharts([a, b]);
  assert.deepEqual(loss.lines.map((line) => [line.text, line.shade, line.dashed]), [["A train", 0, true], ["A val", 0, false], ["B train", 1, true]]);
  assert.deepEqual(lr.lines.map((line) => line.text), ["B"]);
  assert.equal(valueAt(loss.lines[0], 2), 2);
  assert.equal(valueAt(loss.lines[0], 1), null);
  assert.equal(valueAt(loss.lines[2], 1), 5);
  assert.equal(valueAt(loss.lines[2], null), null);
});

test("numbers of epochs hold the ends and keep their distance, for one epoch and for hundreds", () => {
  assert.deepEqual(epochNumbers([7], 200), [7]);
  assert.deepEqual(epochNumbers([1, 2, 3], 200), [1, 2, 3]);
  const many = epochNumbers(Array.from({ length: 700 }, (_, at) => at), 200);
  assert.deepEqual([many[0], many.at(-1)], [0, 699]);
  assert.ok(many.length <= 5 && many.slice(1).every((epoch, at) => epoch - many[at] > 100));
  assert.equal(nearestOf([0, 10, 20], 14), 10);
});

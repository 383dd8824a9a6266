import assert from "node:assert/strict";
import { test } from "node:test";

import {
  attributionColors, counted, linear, number, path, percent, range, signed, strongest,
} from "../../server/static/chart_math.mjs";

test("a range leaves out what is missing or not finite", () => {
  assert.deepEqual(range([3, null, -1, NaN, Infinity, 2]), [-1, 3]);
  assert.equal(range([null, NaN]), null);
});

test("a scale of a range without width answers with the middle", () => {
  assert.equal(linear([2, 2], [0, 10])(2), 5);
  assert.equal(linear([0, 4], [10, 0])(1), 7.5);
});

test("one of something is not many", () => {
  assert.equal(counted(1, "sample"), "1 sample");
  assert.equal(counted(0, "sample"), "0 samples");
  assert.equal(counted(1797, "sample"), "1,797 samples");
});

test("a path breaks where a value is missing and dots a value alone", () => {
  const at = (i) => i * 10;
  assert.equal(path([1, 2, null, 3], at, (v) => v), "M0.0 1.0L10.0 2.0M30.0 3.0h.01");
});

test("numbers read like numbers", () => {
  assert.equal(number(1797), "1,797");
  assert.equal(number(0.123456), "0.123");
  assert.equal(number(null), "–");
  assert.equal(number(0.00001234), "1.23e-5");
  assert.equal(signed(-0.5), "−0.5");
  assert.equal(signed(0.25), "+0.25");
  assert.equal(percent(0.9876), "98.8 %");
});

test("the label's line and the strongest rivals matter, ties by index", () => {
  const lines = [[0.1, 0.2], [0.9, 0.1], [0, 0.9], [0.3, 0.3]];
  assert.deepEqual([...strongest(lines, 0, 3)], [0, 1, 2]);
  assert.deepEqual([...strongest(lines, -1, 1)], [1]);
});

test("an attribution of zeros is one even colour, never a division by nothing", () => {
  const pixels = attributionColors(new Float32Array(4), 0, true);
  assert.deepEqual([...pixels.slice(0, 4)], [247, 247, 247, 255]);
  assert.deepEqual(new Set(pixels).size, 2);
});

test("the full colour is reached at the limit on both sides", () => {
  const pixels = attributionColors(new Float32Array([-2, 2]), 2, true);
  assert.deepEqual([...pixels], [84, 39, 136, 255, 179, 88, 6, 255]);
});

import assert from "node:assert/strict";
import { test } from "node:test";

import { cubeCamera, meanTrails, namedStops, spreadRows, trailOf } from "../../server/static/cube_math.mjs";

const EXTENT = [-1, 3, 0, 4];

test("the cube's middle stays in the middle however it is turned, and nothing leaves the picture's circle", () => {
  for (const [azimuth, elevation] of [[0, 0], [35, 22], [200, 80], [359, -10]]) {
    const eye = cubeCamera(EXTENT, azimuth, elevation, 500);
    const middle = eye.place(1, 2, 0.5);
    assert.ok(Math.hypot(middle[0] - 250, middle[1] - 250) < 1e-9);
    for (const x of [-1, 3]) for (const y of [0, 4]) for (const time of [0, 1]) assert.ok(Math.hypot(...eye.place(x, y, time).map((value) => value - 250)) <= 250 / 0.84 + 1e-6);
  }
});

test("time goes up, and from above the map lies as it does on the page", () => {
  const front = cubeCamera(EXTENT, 0, 20, 400);
  assert.ok(front.place(1, 2, 1)[1] < front.place(1, 2, 0)[1]);
  const above = cubeCamera(EXTENT, 0, 89, 400);
  assert.ok(above.place(3, 2, 0)[0] > above.place(-1, 2, 0)[0]);
  assert.ok(above.place(1, 4, 0)[1] < above.place(1, 0, 0)[1]);
  assert.ok(front.near(1, 0, 0) > front.near(1, 4, 0));
});

test("mean trails leave out who is absent, and are broken where nobody is there", () => {
  // Two epochs, three rows; codes over 0..65534.
  const codes = Uint16Array.from([0, 0, 65534, 65534, 65535, 65535, 65535, 65535, 65535, 65535, 32767, 0]);
  const [first, second] = meanTrails(codes, 2, [0, 0, 1], 2, EXTENT);
  assert.deepEqual([...first.slice(0, 2)], [1, 2]);
  assert.ok(Number.isNaN(first[2]) && Number.isNaN(second[0]));
  assert.deepEqual([...second.slice(2)], [1, 0]);
  assert.deepEqual([...trailOf(codes, 2, 3, 2, EXTENT).slice(2)], [1, 0]);
});

test("rows that stand for classes are spread evenly and never too many", () => {
  const labels = Array.from({ length: 1000 }, (_, row) => row % 4);
  const rows = spreadRows(labels, 4, 40);
  assert.equal(rows.length, 40);
  assert.equal(rows.filter((row) => labels[row] === 2).length, 10);
  assert.deepEqual(spreadRows([0, 1, 65535], 2, 100), [0, 1]);
});

test("the time axis names its first and last epoch", () => {
  assert.deepEqual(namedStops(15), [0, 3, 6, 8, 11, 14]);
  assert.deepEqual(namedStops(2), [0, 1]);
  assert.deepEqual(namedStops(1), [0]);
});

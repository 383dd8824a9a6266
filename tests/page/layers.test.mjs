import assert from "node:assert/strict";
import { test } from "node:test";

import { boxOfCodes, fitted, geometry, ROOM } from "../../server/static/layers/camera.mjs";
import { passes } from "../../server/static/layers/cloud.mjs";
import { densityPixels } from "../../server/static/layers/density.mjs";
import { densestSpots } from "../../server/static/layers/names.mjs";
import { thinned } from "../../server/static/layers/thumbnails.mjs";
import { paintIds } from "../../server/static/layers/marks.mjs";
import { trailStretch } from "../../server/static/layers/trails.mjs";
import { legendLines } from "../../server/static/picture.mjs";
import { nextInDirection } from "../../server/static/selecting.mjs";
import { spread } from "../../server/static/chart_math.mjs";
import { where } from "../../server/static/shading.mjs";
import { partner } from "../../server/static/stops.mjs";
import { comparable } from "../../server/static/together.mjs";
import { word } from "../../server/static/figures.mjs";

const OPAQUE = 0xff000000;

test("the fitted camera shows every box whole and clear of what lies over the map", () => {
  for (const [width, height] of [[936, 594], [468, 306], [1576, 874]]) {
    const boxes = [[0, 10, 0, 4], [-3, 6, -2, 12]];
    const [cx, cy, wide] = fitted(boxes, width, height);
    const high = (wide * height) / width;
    const view = geometry({ width, height, ratio: 1, x: { start: cx - wide / 2, end: cx + wide / 2 }, y: { start: cy - high / 2, end: cy + high / 2 }, extent: [0, 1, 0, 1] });
    const room = height < 420 ? ROOM.short : ROOM;
    assert.ok(view.x(-3) >= room.beside - 1e-6 && view.x(10) <= width - room.beside + 1e-6);
    assert.ok(view.y(12) >= room.above - 1e-6 && view.y(-2) <= height - room.below + 1e-6);
  }
});

test("codes and map units meet at the same pixel", () => {
  const view = geometry({ width: 400, height: 300, ratio: 2, x: { start: 1, end: 5 }, y: { start: 0, end: 3 }, extent: [-2, 8, -1, 4] });
  assert.equal(view.wide, 800);
  assert.ok(Math.abs(view.shiftX - view.x(-2)) < 1e-9 && Math.abs(65534 * view.scaleX + view.shiftX - view.x(8)) < 1e-6);
  assert.ok(Math.abs(view.shiftY - view.y(-1)) < 1e-9 && Math.abs(65534 * view.scaleY + view.shiftY - view.y(4)) < 1e-6);
});

test("hollow dots lie beneath the others, their holes show the ground, hidden ones have none", () => {
  const order = Uint32Array.from([3, 0, 2, 1]);
  const colors = Uint32Array.from([OPAQUE | 1, OPAQUE | 2, 0, 0x22000003]);
  assert.equal(passes(order, colors, null, "#ffffff").length, 1);
  const [rings, holes, discs] = passes(order, colors, Uint8Array.from([1, 0, 1, 1]), "#ffffff");
  assert.deepEqual([...rings.order], [3, 0, 2]);
  assert.deepEqual([...discs.order], [1]);
  assert.ok(holes.share < 1);
  assert.equal(holes.colors[0] & 0xffffff, 0xffffff);
  assert.equal(holes.colors[2], 0);
  assert.equal(holes.colors[3] >>> 24, 0x22);
});

test("density is strongest where dots pile up, in their mean colour, and ignores hidden ones", () => {
  const places = Float32Array.from([10, 10, 11, 10, 10, 11, 80, 80, 50, 50]);
  const colors = Uint32Array.from([OPAQUE | 255, OPAQUE | 255, OPAQUE | 255, (OPAQUE | (255 << 8)) >>> 0, 0]);
  const { pixels, columns } = densityPixels(places, colors, 100, 100, 4);
  const at = (x, y) => 4 * (Math.floor(y / 4) * columns + Math.floor(x / 4));
  assert.ok(pixels[at(10, 10) + 3] > pixels[at(80, 80) + 3]);
  assert.ok(pixels[at(10, 10)] > 250 && pixels[at(10, 10) + 1] < 5);
  assert.ok(pixels[at(80, 80) + 1] > 250);
  assert.equal(pixels[at(50, 50) + 3], 0);
});

test("a name stands where its class has most dots, not between two clusters", () => {
  const places = Float32Array.from([5, 5, 6, 6, 5, 6, 95, 95]);
  const [spot, empty] = densestSpots([0, 0, 0, 0], 2, places, new Uint32Array(4).fill(OPAQUE));
  assert.ok(Math.hypot(spot.x - 16 / 3, spot.y - 17 / 3) < 1e-5);
  assert.equal(spot.dots, 3);
  assert.equal(empty.dots, 0);
});

test("thumbnails never overlap, and the dot on top has its image", () => {
  const count = 3000;
  let state = 5;
  const random = () => ((state = (state * 1664525 + 1013904223) >>> 0) / 4294967296);
  const places = Float32Array.from({ length: 2 * count }, () => random() * 600);
  const order = Uint32Array.from({ length: count }, (_, row) => row);
  const rows = thinned(places, order, new Uint32Array(count).fill(OPAQUE), { wide: 600, high: 600 }, 34);
  assert.equal(rows[0], count - 1);
  assert.ok(rows.length > 60);
  rows.forEach((a, i) => rows.slice(i + 1).forEach((b) => assert.ok(Math.max(Math.abs(places[2 * a] - places[2 * b]), Math.abs(places[2 * a + 1] - places[2 * b + 1])) >= 34)));
});

test("trails show the interval, the whole run for a few samples, a window for many", () => {
  const epochs = [0, 10, 20, 30, 40, 50, 60, 70, 80, 90];
  assert.deepEqual(trailStretch(epochs, 50, [15, 65], false), [2, 6]);
  assert.deepEqual(trailStretch(epochs, 50, null, true), [0, 9]);
  assert.deepEqual(trailStretch(epochs, 50, null, false), [2, 8]);
  assert.deepEqual(trailStretch(epochs, 0, null, false), [0, 3]);
});

test("arrows walk to the nearest sample in their direction", () => {
  const places = Float32Array.from([0, 0, 10, 1, 4, 30, -5, 0, 0, -8]);
  const rows = [0, 1, 2, 3, 4];
  assert.equal(nextInDirection(places, rows, 0, "ArrowRight"), 1);
  assert.equal(nextInDirection(places, rows, 0, "ArrowLeft"), 3);
  assert.equal(nextInDirection(places, rows, 0, "ArrowUp"), 4);
  assert.equal(nextInDirection(places, rows, 4, "ArrowUp"), -1);
});

test("beside an epoch of A stands the epoch at which B was as accurate", () => {
  const stops = [{ a: 1, b: 2 }, { a: 3, b: 6 }, { a: 7, b: 14 }];
  assert.deepEqual([0, 1, 2, 3, 6, 7, 15].map((epoch) => partner(stops, epoch)), [2, 2, 2, 6, 6, 14, 14]);
});

test("rows of a column that hold a value", () => {
  assert.deepEqual(where([0, 1, 0, 2], 0), [0, 2]);
});

test("a figure has a plain word, for errors the other way round", () => {
  assert.deepEqual([0.5, 0.3, 0.1].map((value) => word(value, { good: 0.45, fair: 0.25 })), ["good", "fair", "poor"]);
  assert.deepEqual([0.001, 0.02, 0.1].map((value) => word(value, { good: 0.01, fair: 0.03, less: true })), ["good", "fair", "poor"]);
});

test("the legend of a picture lists so many classes and counts the rest", () => {
  const entries = Array.from({ length: 30 }, (_, value) => ({ name: `c${value}`, value, count: 5, color: "#112233", ring: value > 9 }));
  const lines = legendLines({ title: "label", entries, marked: [["✕ wrong", 12]] }, 10);
  assert.equal(lines.length, 1 + 10 + 1 + 1);
  assert.equal(lines[11].text, "and 20 more");
  assert.equal(lines[12].text, "✕ wrong  12");
  assert.match(legendLines({ title: "loss", entries: null, low: 0.001, high: 2.5 })[1].text, /0.00100 … 2.50/);
});

test("the box of an epoch leaves out absent and stray dots", () => {
  const codes = new Uint16Array(2 * 1001);
  for (let row = 0; row < 1000; row++) {
    codes[2 * row] = 20_000 + (row % 100) * 100;
    codes[2 * row + 1] = 30_000 + (row % 50) * 100;
  }
  codes.set([65_535, 65_535], 2 * 999);
  codes.set([65_534, 0], 2 * 1000);
  const [x0, x1, y0, y1] = boxOfCodes(codes, [0, 65_534, 0, 65_534]);
  assert.ok(x0 < 20_000 && x0 > 18_000 && x1 > 29_900 && x1 < 32_000);
  assert.ok(y0 < 30_000 && y0 > 28_000 && y1 > 34_900 && y1 < 37_000);
  assert.equal(boxOfCodes(new Uint16Array(4).fill(65_535), [0, 1, 0, 1]), null);
});

test("two maps share a camera only when neither would be lost in the other's view", () => {
  assert.ok(comparable([0, 10, 0, 8], [1, 13, 0, 9]));
  assert.ok(!comparable([0, 10, 0, 8], [0, 40, 0, 30]));
  assert.ok(!comparable([0, 10, 0, 8], [50, 60, 0, 8]));
});

test("of many epochs so many are looked at, spread over all, the last among them", () => {
  const epochs = Array.from({ length: 1000 }, (_, at) => at);
  const some = spread(epochs, 200);
  assert.equal(some.length, 200);
  assert.equal(some.at(-1), 999);
  assert.ok(some.every((one, at) => at === 0 || one - some[at - 1] === 5));
  assert.deepEqual(spread([3, 4], 200), [3, 4]);
});

test("ids stand beside dots that are shown, none over another", () => {
  const said = [];
  const pen = { measureText: (text) => ({ width: 8 * text.length }), strokeText: () => undefined, fillText: (text) => said.push(text) };
  const map = { places: Float32Array.from([0, 0, 5, 2, 200, 0, 0, 90]), colors: Uint32Array.from([OPAQUE, OPAQUE, OPAQUE, 0]) };
  paintIds(pen, map, { ratio: 1 }, [0, 1, 2, 3], 4, { ids: [10n, 11n, 12n, 13n], ink: "", halo: "" });
  assert.deepEqual(said, ["#10", "#12"]); // 11 would lie over 10, 13 is hidden
});

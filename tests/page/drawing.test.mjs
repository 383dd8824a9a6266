import assert from "node:assert/strict";
import { test } from "node:test";

import { ramp, tint, toOklab } from "../../server/static/color.mjs";
import { inside } from "../../server/static/lasso.mjs";
import { combine, countOf, fromBase64, has, howOf, inverted, maskOf, rowsOf, toBase64 } from "../../server/static/masks.mjs";
import { decodeRaster, isochrone, nearness, regionPixels, veilPixels } from "../../server/static/regions.mjs";
import { limits, shadesOf } from "../../server/static/shades.mjs";
import { discStamps, drawDiscs, drawSquares, drawingOrder, nearestRow, onTop, project } from "../../server/static/splat.mjs";

function generator(seed) {
  let state = seed;
  return () => ((state = (state * 1664525 + 1013904223) >>> 0) / 4294967296);
}

test("the binned lasso finds exactly what the plain even-odd test finds", () => {
  const random = generator(7);
  const places = Float32Array.from({ length: 2 * 6000 }, () => random() * 100);
  const xs = Array.from({ length: 60 }, (_, i) => 50 + (20 + 25 * random()) * Math.cos((i / 60) * 2 * Math.PI));
  const ys = Array.from({ length: 60 }, (_, i) => 50 + (20 + 25 * random()) * Math.sin((i / 60) * 2 * Math.PI));
  const plain = [];
  for (let row = 0; row < 6000; row++) {
    let odd = false;
    for (let i = 0, j = xs.length - 1; i < xs.length; j = i++) {
      const [x, y] = [places[2 * row], places[2 * row + 1]];
      if (ys[i] > y !== ys[j] > y && x < ((xs[j] - xs[i]) * (y - ys[i])) / (ys[j] - ys[i]) + xs[i]) odd = !odd;
    }
    if (odd) plain.push(row);
  }
  assert.ok(plain.length > 500);
  assert.deepEqual([...inside(xs, ys, places)], plain);
  assert.deepEqual([...inside(xs, ys, places, (row) => row % 2 === 0)], plain.filter((row) => row % 2 === 0));
  assert.equal(inside([1, 2], [1, 2], places).length, 0);
});

test("masks hold rows, combine by the modifiers, and travel as text", () => {
  const mask = maskOf([0, 7, 8, 19], 20);
  assert.deepEqual(rowsOf(mask), [0, 7, 8, 19]);
  assert.equal(countOf(mask), 4);
  assert.ok(has(mask, 8) && !has(mask, 9));
  assert.deepEqual(rowsOf(fromBase64(toBase64(mask))), [0, 7, 8, 19]);
  const other = maskOf([8, 9], 20);
  assert.deepEqual(rowsOf(combine(mask, other, "add")), [0, 7, 8, 9, 19]);
  assert.deepEqual(rowsOf(combine(mask, other, "remove")), [0, 7, 19]);
  assert.deepEqual(rowsOf(combine(mask, other, "intersect")), [8]);
  assert.equal(combine(mask, maskOf([], 20), "replace"), null);
  assert.equal(countOf(inverted(mask, 20)), 16);
  assert.equal(inverted(maskOf([...Array(20).keys()], 20), 20), null);
  assert.equal(howOf({ shiftKey: true }), "add");
  assert.equal(howOf({ altKey: true }), "remove");
  assert.equal(howOf({ shiftKey: true, altKey: true }), "intersect");
  assert.equal(howOf({}), "replace");
});

test("points go where the view says, between two epochs in a tween, and nowhere when absent", () => {
  const codes = Uint16Array.from([100, 200, 65535, 65535, 300, 400]);
  const from = Uint16Array.from([0, 0, 5, 5, 65535, 65535]);
  const view = { scaleX: 2, shiftX: 10, scaleY: -1, shiftY: 500 };
  assert.deepEqual([...project(codes, view, new Float32Array(6))], [210, 300, -1e6, -1e6, 610, 100]);
  assert.deepEqual([...project(codes, view, new Float32Array(6), from, 0.5)].slice(0, 2), [110, 400]);
  assert.deepEqual([...project(codes, view, new Float32Array(6), from, 0.5)].slice(4), [610, 100]);
});

test("squares are drawn in order, the last on top, and hidden points not at all", () => {
  const pixels = new Uint32Array(20 * 20);
  const places = Float32Array.from([10, 10, 10, 10, 5, 5]);
  drawSquares(pixels, 20, 20, places, Uint32Array.from([0, 1, 2]), Uint32Array.from([0xff0000ff, 0xff00ff00, 0]), 2);
  assert.equal(pixels[10 * 20 + 10], 0xff00ff00);
  assert.equal(pixels[5 * 20 + 5], 0);
});

test("a disc covers about its area and its middle is opaque", () => {
  const disc = discStamps(4);
  const pixels = new Uint8ClampedArray(40 * 40 * 4);
  const end = drawDiscs(pixels, 40, 40, Float32Array.from([20.5, 20.5]), Uint32Array.from([0]), Uint32Array.from([0xff102030]), disc, 0, () => false);
  assert.equal(end, 1);
  let area = 0;
  for (let i = 3; i < pixels.length; i += 4) area += pixels[i] / 255;
  assert.ok(Math.abs(area - Math.PI * 16) < 4, String(area));
  assert.deepEqual([...pixels.slice((20 * 40 + 20) * 4, (20 * 40 + 20) * 4 + 4)], [0x30, 0x20, 0x10, 255]);
});

test("discs are those of the plain rule: each covered pixel is mixed with what is under it", () => {
  const random = generator(3);
  const [width, height, count] = [50, 40, 300];
  const places = Float32Array.from({ length: 2 * count }, () => random() * 60 - 8);
  const colors = Uint32Array.from({ length: count }, (_, i) => ((((i % 3 === 0 ? 90 : i % 7 === 0 ? 0 : 255) << 24) | (random() * 0xffffff)) >>> 0));
  const order = Uint32Array.from({ length: count }, (_, i) => (i * 7) % count);
  for (const radius of [0.8, 1.4, 2.7]) {
    const disc = discStamps(radius);
    const drawn = new Uint8ClampedArray(width * height * 4);
    drawDiscs(drawn, width, height, places, order, colors, disc, 0, () => false);
    const plain = new Float64Array(width * height * 4);
    for (const row of order) {
      const [left, top] = [Math.floor(places[2 * row]), Math.floor(places[2 * row + 1])];
      const stamp = disc.stamps[Math.floor((places[2 * row + 1] - top) * 4) * 4 + Math.floor((places[2 * row] - left) * 4)];
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
          const [v, u] = [y - top + disc.offset, x - left + disc.offset];
          if (u < 0 || v < 0 || u >= disc.size || v >= disc.size) continue;
          const cover = (stamp[v * disc.size + u] * (colors[row] >>> 24)) / 255;
          if (cover === 0) continue;
          const p = (y * width + x) * 4;
          const under = plain[p + 3] / 255;
          const total = cover + under * (1 - cover);
          for (const at of [0, 1, 2]) plain[p + at] = (((colors[row] >>> (8 * at)) & 255) * cover + plain[p + at] * under * (1 - cover)) / total;
          plain[p + 3] = total * 255;
        }
      }
    }
    const seen = drawn.map((value, at) => (at % 4 === 3 ? value : Math.round((value * drawn[at - (at % 4) + 3]) / 255)));
    const wanted = plain.map((value, at) => (at % 4 === 3 ? value : (value * plain[at - (at % 4) + 3]) / 255));
    const worst = seen.reduce((most, value, at) => Math.max(most, Math.abs(value - wanted[at])), 0);
    assert.ok(worst < 8, `radius ${radius}: ${worst}`); // bytes are rounded at each of many layers
  }
});

test("squares of every size are those of the plain rule", () => {
  const random = generator(5);
  const [width, height, count] = [30, 25, 60];
  const places = Float32Array.from({ length: 2 * count }, () => random() * 40 - 5);
  const colors = Uint32Array.from({ length: count }, (_, i) => (i % 5 === 0 ? 0 : 0xff000000 + i));
  const order = Uint32Array.from({ length: count }, (_, i) => (i * 7) % count);
  for (const radius of [0.4, 1, 1.4, 2.7, 4]) {
    const pixels = new Uint32Array(width * height);
    drawSquares(pixels, width, height, places, order, colors, radius);
    const r = Math.round(radius * 0.82);
    const plain = new Uint32Array(width * height);
    for (const row of order) {
      const [x, y] = [Math.round(places[2 * row]), Math.round(places[2 * row + 1])];
      if (!colors[row] || x < r || y < r || x >= width - r || y >= height - r) continue;
      for (let v = -r; v <= r; v++) for (let u = -r; u <= r; u++) if (!(r > 1 && Math.abs(u) === r && Math.abs(v) === r)) plain[(y + v) * width + x + u] = colors[row];
    }
    assert.deepEqual(pixels, plain, `radius ${radius}`);
  }
});

test("drawing stops when its time is up and can go on", () => {
  const count = 3000;
  const places = new Float32Array(2 * count).fill(5);
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  const stopped = drawDiscs(new Uint8ClampedArray(400), 10, 10, places, order, new Uint32Array(count).fill(0xff000000), discStamps(1), 0, () => true);
  assert.ok(stopped > 0 && stopped < count);
});

test("small classes and the selection are drawn last", () => {
  const groups = Uint16Array.from({ length: 1000 }, (_, i) => (i < 20 ? 1 : 0));
  const order = [...drawingOrder(groups)];
  assert.deepEqual(new Set(order.slice(-20)), new Set(Array.from({ length: 20 }, (_, i) => i)));
  assert.equal(new Set(order).size, 1000);
  assert.deepEqual([...drawingOrder(groups)], order); // the same each time
  assert.notDeepEqual(order.slice(0, 980), order.slice(0, 980).sort((a, b) => a - b)); // and no row before another because of its number
  const chosen = new Set([500, 3]);
  const raised = [...onTop(Uint32Array.from(order), (row) => chosen.has(row))];
  assert.deepEqual(raised, [...order.filter((row) => !chosen.has(row)), ...order.filter((row) => chosen.has(row))]);
});

test("the nearest visible point within reach is found", () => {
  const places = Float32Array.from([0, 0, 10, 0, 11, 0]);
  const colors = Uint32Array.from([1, 0, 1]);
  assert.equal(nearestRow(places, 10, 0, 5, colors), 2);
  assert.equal(nearestRow(places, 5, 0, 2, colors), -1);
});

test("ground takes the hue of its class, and fades with trust", () => {
  // A raster of 20 x 20 whose middle four cells differ; row 0 of the raster is at the bottom, that of the picture at the top.
  const side = 20;
  const at = (row, column) => row * side + column;
  const raster = { resolution: side, classes: new Uint16Array(side * side), confidence: new Uint8Array(side * side).fill(255), trust: new Uint8Array(side * side).fill(255) };
  raster.classes[at(9, 9)] = 65535;
  raster.confidence[at(9, 10)] = 0;
  raster.trust[at(10, 9)] = 0;
  const pixels = regionPixels(raster, ["#2e6fd3", "#dd7a1b"], "light");
  const alpha = (row, column) => pixels[4 * at(side - 1 - row, column) + 3];
  assert.equal(alpha(9, 9), 0); // no class
  assert.ok(alpha(9, 10) > 60 && alpha(9, 10) < 120); // no margin
  assert.equal(alpha(10, 10), 255);
  assert.ok(alpha(10, 9) > 20 && alpha(10, 9) < 60); // no trust
  const place = 4 * at(side - 1 - 10, 10);
  const [lightness] = toOklab([pixels[place], pixels[place + 1], pixels[place + 2]]);
  assert.ok(Math.abs(lightness - 0.895) < 0.03);
});

test("the map has no edge: ground, boundary and last change fade to nothing at the raster's border", () => {
  const side = 40;
  const raster = { resolution: side, classes: new Uint16Array(side * side), confidence: new Uint8Array(side * side).fill(255), trust: new Uint8Array(side * side).fill(255) };
  const other = { ...raster, classes: new Uint16Array(side * side).fill(1) };
  for (const pixels of [regionPixels(raster, ["#2e6fd3"], "dark"), veilPixels(raster), isochrone([raster, other]).pixels]) {
    const alpha = (row, column) => pixels[4 * (row * side + column) + 3];
    for (let i = 0; i < side; i++) assert.deepEqual([alpha(0, i), alpha(side - 1, i), alpha(i, 0), alpha(i, side - 1)], [0, 0, 0, 0]);
    assert.ok(alpha(20, 20) > 200);
    for (let i = 1; i < 20; i++) assert.ok(alpha(20, i) >= alpha(20, i - 1)); // no step outwards
    assert.ok(alpha(20, 3) - alpha(20, 2) < 90); // and none that an eye would take for a line
  }
});

test("what lies far from every sample fades away", () => {
  const side = 50;
  const trust = new Uint8Array(side * side);
  trust[25 * side + 25] = 255;
  const near = nearness({ trust, resolution: side });
  const plain = (row, column) => Math.exp(-Math.hypot(row - 25, column - 25) / (side * 0.13));
  assert.equal(near[25 * side + 25], 1);
  for (const [row, column] of [[25, 30], [20, 25], [30, 30], [0, 0], [49, 2]]) assert.ok(Math.abs(near[row * side + column] - plain(row, column)) < 0.07);
  const large = 150; // measured on every third cell, and about the same
  const wide = new Uint8Array(large * large);
  for (let row = 60; row < 90; row++) wide.fill(255, row * large + 60, row * large + 90);
  const coarse = nearness({ trust: wide, resolution: large });
  assert.equal(coarse[75 * large + 75], 1);
  assert.ok(Math.abs(coarse[75 * large + 110] - Math.exp(-21 / (large * 0.13))) < 0.12);
  assert.ok(nearness({ trust: new Uint8Array(9), resolution: 3 }).every((value) => value === 1)); // nothing to measure from
});

test("an isochrone remembers the last change of each pixel", () => {
  const layer = (...classes) => ({ resolution: 2, classes: Uint16Array.from(classes), trust: new Uint8Array(4).fill(255) });
  assert.deepEqual([...isochrone([layer(0, 0, 0, 0), layer(0, 1, 0, 0), layer(0, 1, 2, 0)]).last], [-1, 1, 2, -1]);
});

test("a raster comes out of its blob", () => {
  const blob = Uint8Array.from([1, 0, 2, 0, 3, 0, 255, 255, 10, 20, 30, 40, 50, 60, 70, 80]).buffer;
  const raster = decodeRaster(blob, 2);
  assert.deepEqual([...raster.classes], [1, 2, 3, 65535]);
  assert.deepEqual([...raster.confidence], [10, 20, 30, 40]);
  assert.deepEqual([...raster.trust], [50, 60, 70, 80]);
});

test("tints keep their hue and ramps end where they should", () => {
  const [, a, b] = toOklab(tint("#2e6fd3", 0.91, 0.06));
  const [, a0, b0] = toOklab([0x2e, 0x6f, 0xd3]);
  assert.ok(Math.abs(Math.atan2(b, a) - Math.atan2(b0, a0)) < 0.2); // the brightest blues leave sRGB and are clipped
  assert.deepEqual(ramp("viridis", 0).map(Math.round), [68, 1, 84]);
  assert.deepEqual(ramp("viridis", 2).map(Math.round), [253, 231, 37]);
});

const RUN = { slug: "r", classes: ["cat", "dog"] };
const CONTEXT = { run: RUN, colors: ["#2e6fd3", "#dd7a1b"], ring: [false, false], theme: "light", solo: [] };

test("classes are counted in the legend, unknown ones apart, and solo hides the others", () => {
  const shades = shadesOf({ name: "label", kind: "class" }, Uint16Array.from([0, 1, 1, 65535]), CONTEXT);
  assert.deepEqual(shades.entries.map((one) => [one.name, one.count]), [["cat", 1], ["dog", 2], ["unknown", 1]]);
  assert.equal(shades.visible, null);
  const solo = shadesOf({ name: "label", kind: "class" }, Uint16Array.from([0, 1, 1, 65535]), { ...CONTEXT, solo: [1] });
  assert.deepEqual([...solo.visible], [0, 1, 1, 0]);
});

test("numbers are scaled between percentiles, changes around zero, missing ones are grey", () => {
  const shades = shadesOf({ name: "loss", kind: "number" }, Float32Array.from([0, 1, 2, NaN]), CONTEXT);
  assert.equal(shades.entries, null);
  assert.match(shades.note, /1 without a value/);
  assert.deepEqual(limits([-1, 2, -4], true), [-4, 4]);
  assert.deepEqual(limits([NaN, NaN], false), [0, 1]);
});

test("a ramp keeps the scale of all epochs: an unchanged number keeps its colour", () => {
  const context = { run: { slug: "r", classes: [] }, colors: [], ring: [], theme: /** @type {const} */ ("light"), solo: [], range: /** @type {[number, number]} */ ([0, 10]) };
  const column = { name: "loss", kind: "number" };
  const wild = shadesOf(column, Float32Array.from([1, 10]), context);
  const calm = shadesOf(column, Float32Array.from([1, 1.1]), context);
  assert.equal(wild.colors[0], calm.colors[0]);
  assert.deepEqual([calm.low, calm.high], [0, 10]);
  assert.notEqual(shadesOf(column, Float32Array.from([1, 1.1]), { ...context, range: null }).colors[0], calm.colors[0]);
});


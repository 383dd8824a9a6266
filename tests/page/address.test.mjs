import assert from "node:assert/strict";
import { test } from "node:test";

import { attainable, soloNames, soloValues } from "../../server/static/address.mjs";

const there = { epochs: [1, 2, 4, 8], maps: ["main"], colors: ["label", "loss"], views: ["table"], has: (id) => id < 10 };

test("what a link asks for and the page has is taken without a word", () => {
  const asked = { epoch: 4, madeAt: 2, map: "main", color: "loss", view: "table", layers: [], interval: [1, 8], pin: 3, pins: [3, 1] };
  assert.deepEqual(attainable(asked, there), { asked, notes: [] });
});

test("what the page does not have is left out of a link and said", () => {
  const { asked, notes } = attainable({ epoch: 9, color: "nosuch", view: "nosuch", map: "other", layers: ["regions", "evil"], pin: 42 }, there);
  assert.deepEqual(asked, { epoch: 8, layers: ["regions"] });
  assert.equal(notes.length, 6);
  for (const word of ["epoch 9", "colour nosuch", "view nosuch", "map other", "layer evil", "sample 42"]) assert.ok(notes.some((note) => note.includes(word)), word);
  assert.deepEqual(attainable({ layers: ["evil"] }, there).asked, {});
  const kept = attainable({ pins: [3, 77, 1, 88] }, there);
  assert.deepEqual(kept.asked, { pins: [3, 1] });
  assert.match(kept.notes.join(), /samples 77, 88/);
  const many = attainable({ pins: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] }, there);
  assert.deepEqual([many.asked.pins.length, many.notes.length], [8, 1]);
});

test("a link's interval is cut to what was recorded", () => {
  const cut = attainable({ interval: [4, 99] }, there);
  assert.deepEqual(cut.asked.interval, [4, 8]);
  assert.match(cut.notes[0], /4 to 99; recorded are 4 to 8/);
  const outside = attainable({ interval: [50, 60] }, there);
  assert.equal("interval" in outside.asked, false);
  assert.match(outside.notes[0], /50 to 60/);
});

test("a class shown alone is named in a link, by number where the name is not its own", () => {
  const entries = ["cat", "dog", "cat", "#1"].map((name, value) => ({ name, value }));
  assert.deepEqual(soloNames([1, 2, 3, 9], entries), ["dog", "#2", "#3", "#9"]);
  assert.deepEqual(soloValues(["dog", "#2", "#3", "#9"], entries), { values: [1, 2, 3, 9], missing: [] });
  assert.deepEqual(soloValues(["cow", "dog"], entries), { values: [1], missing: ["cow"] });
});

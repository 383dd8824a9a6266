import assert from "node:assert/strict";
import { test } from "node:test";

import { countOf, maskOf, toBase64 } from "../../server/static/masks.mjs";
import { Selecting } from "../../server/static/selecting.mjs";
import { PINS_AT_MOST, Store, initialState } from "../../server/static/state.mjs";

function selectingAt(epoch, found) {
  const store = new Store({ ...initialState(), epoch });
  const asked = [];
  const api = { runPost: async (_slug, _path, body) => { asked.push(body); return { mask: toBase64(maskOf(found, 8)) }; } };
  const page = { store, api, run: { slug: "a", samples: 8 }, mapOf: () => null, say: () => undefined };
  return { store, asked, selecting: new Selecting(page) };
}

test("a selection knows the epoch of its expression, and one without expression knows none", () => {
  const { store, selecting } = selectingAt(6, []);
  selecting.set(maskOf([1, 2], 8), "wrong");
  assert.deepEqual([store.get().selection, store.get().madeAt], ["wrong", 6]);
  selecting.set(maskOf([1], 8));
  assert.deepEqual([store.get().selection, store.get().madeAt], ["", null]);
  selecting.set(maskOf([1, 2], 8), "wrong", 3);
  store.undo();
  store.redo();
  assert.equal(store.get().madeAt, 3);
});

test("narrowing a selection joins what was asked at one epoch, and never at two", async () => {
  const { store, asked, selecting } = selectingAt(6, [2, 3]);
  selecting.set(maskOf([1, 2], 8), "wrong OR label:3");
  await selecting.keep("loss>2");
  assert.deepEqual([countOf(store.get().mask), store.get().selection, store.get().madeAt], [1, "(wrong OR label:3) loss>2", 6]);
  store.undo();
  store.set({ epoch: 1 });
  await selecting.keep("loss>2");
  assert.equal(asked.at(-1).epoch, 1);
  assert.deepEqual([countOf(store.get().mask), store.get().selection, store.get().madeAt], [1, "", null]);
});

test("samples are kept pinned up to a number, and let go again", () => {
  const { store, selecting } = selectingAt(0, []);
  const said = [];
  selecting.page.say = (text) => said.push(text);
  selecting.page.views = [];
  selecting.togglePin();
  assert.deepEqual([store.get().pins, said.length], [[], 1]);
  store.set({ pin: 40 });
  selecting.togglePin();
  assert.deepEqual([store.get().pins, store.get().pin], [[40], 40]);
  for (let id = 1; id <= PINS_AT_MOST; id++) selecting.keepPinned(id);
  assert.deepEqual([store.get().pins.length, store.get().pin, said.length], [PINS_AT_MOST, PINS_AT_MOST - 1, 2]);
  selecting.keepPinned(40);
  assert.deepEqual([store.get().pins.includes(40), store.get().pin], [false, PINS_AT_MOST - 1]);
});

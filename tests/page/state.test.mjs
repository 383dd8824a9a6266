import assert from "node:assert/strict";
import { test } from "node:test";

import { Store, fromQuery, initialState, toQuery, unknownArguments } from "../../server/static/state.mjs";

test("a link brings back the state that made it", () => {
  const state = { ...initialState(), runs: ["a", "b"], map: "main", epoch: 7, interval: [3, 9], selection: "label:5 loss>2", madeAt: 5, color: "loss", solo: ["cat", "a,b"], layers: ["trails"], camera: [0.5, -1.25, 20], view: "confusion", pin: 42, pins: [42, 7], join: "-3", dots: -2, onlySelected: true };
  const back = fromQuery(`?${toQuery(state)}`);
  for (const name of ["runs", "map", "epoch", "interval", "selection", "madeAt", "color", "solo", "layers", "camera", "view", "pin", "pins", "join", "dots", "onlySelected"]) assert.deepEqual(back[name], state[name], name);
});

test("what has its usual value is not in the link", () => {
  assert.equal(toQuery({ ...initialState(), runs: ["a"], epoch: 3 }).toString(), "runs=a&epoch=3");
});

test("arguments of others are kept, and broken ones ask for nothing", () => {
  const unknown = unknownArguments("?epoch=3&utm=x");
  assert.equal(unknown.toString(), "utm=x");
  assert.match(toQuery({ ...initialState(), epoch: 1 }, unknown).toString(), /utm=x/);
  assert.deepEqual(fromQuery("?epoch=abc&camera=1,2&interval=x..y&pin=z"), {});
  assert.deepEqual(fromQuery("?selection_epoch=3"), {});
});

test("a link tells the epoch of a selection only where it is not the link's own", () => {
  const state = { ...initialState(), epoch: 6, selection: "wrong", madeAt: 6 };
  assert.equal(toQuery(state).toString(), "epoch=6&selection=wrong");
  assert.equal(toQuery({ ...state, epoch: 1 }).toString(), "epoch=1&selection=wrong&selection_epoch=6");
  assert.equal(toQuery({ ...state, epoch: 1, selection: "" }).toString(), "epoch=1");
});

test("no layer at all survives a link", () => {
  assert.deepEqual(fromQuery(`?${toQuery({ ...initialState(), layers: [] })}`).layers, []);
});

test("selections can be undone and redone, and travelling is no part of that", () => {
  const store = new Store();
  const first = new Uint8Array([1]);
  const second = new Uint8Array([2]);
  store.set({ mask: first });
  store.set({ epoch: 5 });
  store.set({ mask: second, selection: "wrong", madeAt: 5 });
  store.undo();
  assert.equal(store.get().mask, first);
  assert.equal(store.get().madeAt, null);
  assert.equal(store.get().epoch, 5);
  store.undo();
  assert.equal(store.get().mask, null);
  store.undo();
  store.redo();
  store.redo();
  assert.equal(store.get().mask, second);
  assert.equal(store.get().selection, "wrong");
  assert.equal(store.get().madeAt, 5);
});

test("a new selection forgets what could have been redone, and fifty steps are kept", () => {
  const store = new Store();
  for (let i = 0; i < 70; i++) store.set({ mask: new Uint8Array([i]) });
  for (let i = 0; i < 70; i++) store.undo();
  assert.equal(store.get().mask[0], 19);
  store.set({ mask: new Uint8Array([99]) });
  store.redo();
  assert.equal(store.get().mask[0], 99);
});

test("listeners hear a change once and not at all when nothing changed", () => {
  const store = new Store();
  let heard = 0;
  const stop = store.subscribe(() => heard++);
  store.set({ color: "loss" });
  store.set({ color: "loss" });
  stop();
  store.set({ color: "label" });
  assert.equal(heard, 1);
});

test("a link keeps the second map's own camera, and says nothing of one that is shared", () => {
  const apart = { ...initialState(), runs: ["a", "b"], linked: false, cameraB: [1, 2, 30] };
  assert.equal(toQuery(apart).get("camera_b"), "1,2,30");
  assert.deepEqual(fromQuery(`?${toQuery(apart)}`).cameraB, [1, 2, 30]);
  assert.equal(fromQuery(`?${toQuery(apart)}`).linked, false);
  assert.equal(toQuery({ ...apart, cameraB: null }).get("camera_b"), "own");
  assert.equal(toQuery({ ...apart, linked: true }).has("camera_b"), false);
  assert.equal("linked" in fromQuery("?runs=a,b"), false);
});

test("ids of pinned samples are read as they are: nothing is no sample, and long ones are not rounded", () => {
  assert.deepEqual(fromQuery("?pins=5,,x,5,-3&pin=9007199254740993").pins, [5, -3]);
  assert.equal(fromQuery("?pin=9007199254740993").pin, "9007199254740993");
  assert.deepEqual([fromQuery("?pins=,").pins, fromQuery("?pin=").pin], [undefined, undefined]);
});

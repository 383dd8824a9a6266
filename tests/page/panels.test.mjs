import assert from "node:assert/strict";
import { test } from "node:test";

import { JobFailed, progressText, runJob } from "../../server/static/jobs.mjs";
import { busiest } from "../../server/static/panels/events.mjs";
import { nearest } from "../../server/static/panels/compare.mjs";
import { cellTerms } from "../../server/static/panels/confusion.mjs";
import { differences, stripEpochs } from "../../server/static/panels/saliency.mjs";
import { roundEnds } from "../../server/static/panels/labelling.mjs";
import { mostFrequent, pairsOf } from "../../server/static/panels/pairs.mjs";
import { expression } from "../../server/static/panels/sample.mjs";
import { cell } from "../../server/static/panels/samples.mjs";
import { changeTerms } from "../../server/static/panels/set.mjs";
import { atEpoch, classTerm, quoted } from "../../server/static/terms.mjs";

test("a film strip holds the current epoch, the one before, and others in order, each once", () => {
  const epochs = Array.from({ length: 20 }, (_, index) => index * 10);
  const strip = stripEpochs(epochs, 70, 6);
  assert.ok(strip.includes(70) && strip.includes(60));
  assert.equal(new Set(strip).size, 6);
  assert.deepEqual(strip, [...strip].sort((a, b) => a - b));
  assert.equal(strip[0], 0); // the whole run, not only what is near
  assert.equal(strip.at(-1), 190);
  assert.deepEqual(stripEpochs([3], 3, 6), [3]);
  assert.deepEqual(stripEpochs([1, 2], 2, 6), [1, 2]);
});

test("a class name becomes a word of the search language, quoted where it must be", () => {
  assert.equal(quoted("cat"), "cat");
  assert.equal(quoted("T-shirt/top"), '"T-shirt/top"');
  assert.equal(quoted('a "b"'), '"a \\"b\\""');
  assert.equal(quoted("None"), '"None"'); // bare it is no class but "not known"
  assert.equal(expression("source", "north wing"), 'source:"north wing"');
  assert.equal(classTerm("label", ["cat", "a dog"], 1), 'label:"a dog"');
  assert.equal(classTerm("label", ["cat", "a dog"], -1), "label:none");
});

test("an epoch below zero is named, not stepped back to", () => {
  assert.equal(atEpoch("pred", 3), "pred@3");
  assert.equal(atEpoch("pred", -1), "pred@-1..-1");
  assert.equal(changeTerms("learned", 3, 4), "learned:4");
  assert.equal(changeTerms("unchanged", 3, 4), "-flipped:4 -pred@3:none -pred@4:none");
});

test("a cell of the confusion matrix selects within the split it counts", () => {
  const classes = ["cat", "a dog"];
  assert.equal(cellTerms({ classes, split: null }, 0, 1), 'label:cat pred:"a dog"');
  assert.equal(cellTerms({ classes, split: "test" }, 1, 1), 'label:"a dog" pred:"a dog" split:test');
});

test("a flag is a mark in the table, a number one is not", () => {
  assert.deepEqual([1, 0, null].map((value) => cell(value, true)), ["✓", "✕", "–"]);
  assert.deepEqual([1, 0.12345, "north"].map((value) => cell(value, false)), ["1", "0.123", "north"]);
});

test("pairs of different classes come most frequent first, or by how much they changed", () => {
  const now = pairsOf([[9, 2, 0], [3, 9, 1], [0, 0, 9]]);
  assert.deepEqual(mostFrequent(now).map(({ a, b, value }) => [a, b, value]), [[1, 0, 3], [0, 1, 2], [1, 2, 1]]);
  const before = pairsOf([[9, 2, 4], [1, 9, 0], [0, 0, 9]]);
  assert.deepEqual(mostFrequent(now, before), [{ a: 0, b: 2, count: 0, value: -4 }, { a: 1, b: 0, count: 3, value: 2 }, { a: 1, b: 2, count: 1, value: 1 }]);
});

test("an epoch of A finds the stop at or before it", () => {
  const stops = [{ a: 1 }, { a: 3 }, { a: 5 }];
  assert.equal(nearest(stops, 4), 1);
  assert.equal(nearest(stops, 0), 0);
  assert.equal(nearest(stops, 9), 2);
});

test("progress says what is done and how long it will take", () => {
  assert.equal(progressText({ state: "running", message: "attribution", done: 3, total: 8, eta_s: 4.2 }), "attribution 3 of 8, about 4 s left");
  assert.equal(progressText({ state: "queued", done: 0, total: 0, eta_s: null }), "waiting for the job before");
});

function fakeServer(states) {
  const removed = [];
  const jobs = states.map((state) => ({ id: "j", ...state }));
  return {
    removed,
    post: async () => jobs.shift(),
    get: async () => jobs.shift() ?? { id: "j", state: "running" },
    remove: async (path) => removed.push(path),
  };
}

test("a job is followed to its end, and a failed one fails in the server's words", async () => {
  const seen = [];
  const done = await runJob(fakeServer([{ state: "queued" }, { state: "running", done: 1 }, { state: "done", result: 7 }]), {}, { onprogress: (job) => seen.push(job.state) });
  assert.equal(done.result, 7);
  assert.deepEqual(seen, ["queued", "running"]);
  await assert.rejects(runJob(fakeServer([{ state: "failed", error: "no layer conv9" }]), {}), (error) => error instanceof JobFailed && /conv9/.test(error.message));
});

test("a job that is no longer wanted is cancelled on the server", async () => {
  const server = fakeServer([{ state: "running" }]);
  const abort = new AbortController();
  const running = runJob(server, {}, { signal: abort.signal, onprogress: () => abort.abort() });
  await assert.rejects(running, (error) => error.name === "AbortError");
  assert.deepEqual(server.removed, ["jobs/j"]);
});

test("attribution maps are compared with one of them", () => {
  const found = differences([Float32Array.from([1, 2]), Float32Array.from([3, 0])], 0);
  assert.deepEqual(found.map((map) => [...map]), [[0, 0], [2, -2]]);
});

test("a labelling round ends before the next begins", () => {
  assert.deepEqual(roundEnds([{ round: 0, epoch: 0 }, { round: 1, epoch: 4 }], [0, 2, 4, 6, 8]), [{ round: 0, first: 0, last: 2 }, { round: 1, first: 4, last: 8 }]);
});

test("the events shown first are those of which there are most here, else in all", () => {
  const kinds = [{ kind: "a", counts: [0, 2, 9] }, { kind: "b", counts: [0, 3, 0] }, { kind: "c", counts: [0, 1, 1] }];
  assert.deepEqual([0, 1, 2, -1].map((at) => busiest(kinds, at).kind), ["a", "b", "a", "a"]);
});

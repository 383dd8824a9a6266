/** The right-hand side: one sample when one is pinned, a set when some are selected, else the run. */

import { spread } from "../chart_math.mjs";
import { h, replace } from "../dom.mjs";
import { rowsOf, toBase64 } from "../masks.mjs";
import { changedPanel } from "./changed.mjs";
import { classesPanel } from "./classes.mjs";
import { neighborPanel } from "./neighbors.mjs";
import { neuronPanel } from "./neurons.mjs";
import { pinnedSamples } from "./pinned.mjs";
import { aboutView, findingsView } from "./run_summary.mjs";
import { saliencyPanel } from "./saliency.mjs";
import { sampleCard, sampleEvents, sampleHistory } from "./sample.mjs";
import { setView } from "./set.mjs";

const SETTLE_MS = 90;
const THUMBS = 24;
/** Samples of a set over which a saliency is averaged, spread over it. */
const MEAN_SALIENCY = 64;

/** @param {HTMLElement} element @param {any} page */
export function inspector(element, page) {
  const { api, store } = page;
  const section = () => h("section", { class: "panel", hidden: true });
  const main = h("section", { class: "panel main", "aria-label": "inspector" });
  const of = page.runs.map((/** @type {any} */ run, /** @type {number} */ index) => ({ title: page.runs.length > 1 ? h("h2", { class: "run-name", hidden: true }, `${index ? "B" : "A"} · ${run.name}`) : null, past: section(), saliency: section(), neurons: section() }));
  const [changed, events, near, classes, about] = [section(), section(), section(), section(), section()];
  const kept = h("section", { class: "panel kept", hidden: true, "aria-label": "pinned samples" });
  replace(element, kept, main, of.map((/** @type {any} */ one) => [one.title, one.past, one.saliency, one.neurons]), changed, events, near, classes, about);
  const context = { api, onepoch: (/** @type {number} */ epoch) => page.go(epoch), onrow: (/** @type {number} */ row) => page.selecting.pin(row) };
  const panels = of.map((/** @type {any} */ one) => [saliencyPanel(one.saliency, context), neuronPanel(one.neurons, context)]);
  const neighbors = neighborPanel(near, context);
  const change = changedPanel(changed, context);
  const learning = classesPanel(classes, { ...context, onselect: (expression) => page.search.search(expression) });
  let timer = 0;
  let serial = 0;

  async function update() {
    const mine = ++serial;
    const state = store.get();
    kept.hidden = !state.pins.length;
    pinnedSamples(kept, { pins: state.pins, pin: state.pin, image: (id) => (page.run.has.images ? api.image(page.run.slug, page.rows.of(id)) : null), onopen: (id) => store.set({ pin: id }), onkeep: (id) => page.selecting.keepPinned(id) });
    const row = state.pin === null ? -1 : page.rows.of(state.pin);
    if (row < 0) hideSample(Boolean(state.mask));
    if (row >= 0 || state.mask) {
      learning.update(null);
      about.hidden = true;
    }
    try {
      if (row >= 0) await showSample(row, state, () => mine === serial);
      else if (state.mask) await showSet(state, () => mine === serial);
      else await showRun(state, () => mine === serial);
    } catch (error) {
      if (mine !== serial) return;
      // While the server is away the banner says so, and what was read last stays.
      if (!api.online && main.querySelector("h3")) return;
      replace(main, h("p", { class: "error", role: "alert" }, String(/** @type {Error} */ (error).message)), h("button", { type: "button", onclick: update }, "Try again"));
    }
  }

  /** @param {boolean} keepsSaliency  a set has its mean */
  function hideSample(keepsSaliency) {
    for (const one of of) {
      if (one.title) one.title.hidden = true;
      one.past.hidden = true;
    }
    events.hidden = true;
    for (const panel of [...panels.flatMap((/** @type {any[]} */ [saliency, neurons]) => (keepsSaliency ? [neurons] : [saliency, neurons])), neighbors, change]) panel.update(null);
  }

  /** @param {number} row @param {any} state @param {() => boolean} current */
  async function showSample(row, state, current) {
    const places = page.runs.map((/** @type {any} */ run, /** @type {number} */ index) => {
      const own = index === 0 ? row : page.rows.inSecond(row);
      const view = page.views[index];
      return { run, row: own, epoch: view ? page.epochOf(view) : state.epoch, map: view?.map?.name, missing: run.missing?.saliency ?? null, image: run.has.images && own >= 0 ? api.image(run.slug, own) : null };
    });
    const stories = await Promise.all(places.map((/** @type {any} */ at) => (at.row < 0 ? null : api.run(at.run.slug, `sample/${at.row}.json${at.map ? `?map=${encodeURIComponent(at.map)}` : ""}`))));
    if (!current()) return;
    const [first] = places;
    replace(main, sampleCard(stories[0], { run: page.run, colors: page.classColors(page.run), epoch: first.epoch, image: first.image, pinned: state.pins.includes(state.pin), onclose: () => store.set({ pin: null }), onpin: () => page.selecting.keepPinned(state.pin) }));
    of.forEach((/** @type {any} */ one, /** @type {number} */ index) => {
      const at = places[index];
      const there = at.row >= 0;
      if (one.title) one.title.hidden = false;
      one.past.hidden = false;
      replace(one.past, there ? sampleHistory(stories[index], { run: at.run, colors: page.classColors(at.run), epoch: at.epoch, onepoch: index ? () => undefined : context.onepoch }) : h("p", { class: "empty" }, "This run does not have the sample."));
      for (const panel of panels[index]) panel.update(there ? at : null);
    });
    const rest = sampleEvents(stories[0], { onepoch: context.onepoch, onselect: (expression) => page.search.search(expression) });
    events.hidden = rest.length === 0;
    replace(events, rest);
    change.update(first);
    neighbors.update(first.map ? first : null);
  }

  /** @param {any} state @param {() => boolean} current */
  async function showSet(state, current) {
    const places = page.runs.map((/** @type {any} */ run, /** @type {number} */ index) => {
      const view = page.views[index] ?? { side: index ? "b" : "a", run };
      return { run, view, mask: page.selecting.maskFor(view), epoch: page.together.epochOfRun(index), map: page.mapOf(run) };
    });
    const answers = await Promise.all(places.map((/** @type {any} */ at, /** @type {number} */ index) => {
      const answer = at.epoch === undefined ? Promise.resolve(null) : api.runPost(at.run.slug, `set/${at.epoch}.json`, { mask: toBase64(at.mask), map: at.map?.name });
      return index ? answer.catch((/** @type {any} */ error) => { page.report(error); return null; }) : answer; // what B lacks keeps nobody from A
    }));
    if (!current()) return;
    answers[0].rows_shown = rowsOf(state.mask).slice(0, THUMBS);
    replace(main, places.map((/** @type {any} */ at, /** @type {number} */ index) => answers[index] && setView(answers[index], {
      run: at.run, title: page.runs.length > 1 ? `${"AB"[index]} · ${at.run.name}` : null, colors: page.classColors(at.run), epoch: at.epoch, onepoch: index ? () => undefined : context.onepoch,
      onrow: (row) => context.onrow(page.rows.inFirst(at.view, row)), onkeep: (expression) => page.selecting.keep(expression, at),
      thumbnails: (rows) => (index ? null : page.run.has.images ? h("div", { class: "thumbs" }, rows.map((row) => h("button", { type: "button", class: "thumb", "aria-label": `sample ${page.rows.ids[row]}`, onclick: () => page.selecting.pin(row) }, h("img", { src: api.image(page.run.slug, row), alt: "", loading: "lazy" })))) : null),
    })));
    places.forEach(showMeanSaliency);
  }

  /** @param {any} at @param {number} index */
  function showMeanSaliency({ run, mask, epoch }, index) {
    const rows = rowsOf(mask);
    const there = rows.length > 1 && run.has.images && epoch !== undefined && !run.missing?.saliency;
    panels[index][0].update(there ? { run, rows: spread(rows, MEAN_SALIENCY), of: rows.length, epoch, image: null, missing: null } : null);
    if (of[index].title) of[index].title.hidden = !there;
  }

  /** @param {any} state @param {() => boolean} current */
  async function showRun(state, current) {
    const findings = await api.run(page.run.slug, "findings.json");
    if (!current()) return;
    replace(main, findingsView(page.run, findings, (finding) => {
      if (finding.epoch !== null && finding.epoch !== undefined) page.go(finding.epoch);
      if (finding.selection) page.search.search(finding.selection);
    }));
    learning.update({ runs: page.runs, colors: page.classColors(page.run), epoch: state.epoch });
    about.hidden = false;
    replace(about, aboutView(page.run, { epoch: state.epoch, map: page.mapOf() }));
  }

  const soon = () => { clearTimeout(timer); timer = window.setTimeout(update, SETTLE_MS); };
  store.subscribe((/** @type {any} */ state, /** @type {any} */ before) => {
    if (["epoch", "moment", "mask", "pin", "pins", "map", "theme", "join"].some((name) => state[name] !== before[name])) soon();
  });
  page.refreshers.add(soon);
  replace(main, h("p", { class: "empty", "aria-busy": "true" }, "Reading what happened in this run …"));
  update();
  return { update };
}

/** The right-hand side: one sample when one is pinned, a set when some are selected, else the run. */

import { h, replace } from "../dom.mjs";
import { countOf, rowsOf, toBase64 } from "../masks.mjs";
import { neighborPanel } from "./neighbors.mjs";
import { neuronPanel } from "./neurons.mjs";
import { runView } from "./run_summary.mjs";
import { saliencyPanel } from "./saliency.mjs";
import { sampleView } from "./sample.mjs";
import { setView } from "./set.mjs";

const SETTLE_MS = 90;
const THUMBS = 24;

/** @param {HTMLElement} element @param {any} page */
export function inspector(element, page) {
  const { api, store } = page;
  const main = h("section", { class: "panel", "aria-label": "inspector" });
  const saliency = page.runs.map(() => h("section", { class: "panel", hidden: true }));
  const neurons = page.runs.map(() => h("section", { class: "panel", hidden: true }));
  const near = h("section", { class: "panel", hidden: true });
  const changed = h("section", { class: "panel", hidden: true });
  const names = page.runs.length > 1 ? ["A", "B"] : [""];
  replace(element, main, changed, page.runs.flatMap((/** @type {any} */ run, /** @type {number} */ index) => [names[index] ? h("h2", { class: "run-name", hidden: true, "data-run": index }, `${names[index]} · ${run.name}`) : null, saliency[index], neurons[index]]), near);
  const context = { api, onepoch: (/** @type {number} */ epoch) => page.go(epoch), onrow: (/** @type {number} */ row) => page.selecting.pin(row) };
  const saliencyPanels = saliency.map((section) => saliencyPanel(section, context));
  const neuronPanels = neurons.map((section) => neuronPanel(section, context));
  const neighbors = neighborPanel(near, context);
  let timer = 0;
  let serial = 0;

  async function update() {
    const mine = ++serial;
    const state = store.get();
    const row = page.views.length ? page.pinRow(page.views[0]) : -1;
    const sample = row >= 0;
    for (const title of element.querySelectorAll(".run-name")) /** @type {HTMLElement} */ (title).hidden = !sample;
    if (!sample) {
      for (const panel of [...saliencyPanels, ...neuronPanels, neighbors]) panel.update(null);
      changed.hidden = true;
    }
    try {
      if (sample) await showSample(row, state, () => mine === serial);
      else if (state.mask) await showSet(state, () => mine === serial);
      else await showRun(state, () => mine === serial);
    } catch (error) {
      if (mine === serial) replace(main, h("p", { class: "error", role: "alert" }, String(/** @type {Error} */ (error).message)), h("button", { type: "button", onclick: update }, "Try again"));
    }
  }

  /** @param {number} row @param {any} state @param {() => boolean} current */
  async function showSample(row, state, current) {
    const map = page.mapOf();
    const data = await api.run(page.run.slug, `sample/${row}.json${map ? `?map=${encodeURIComponent(map.name)}` : ""}`);
    if (!current()) return;
    replace(main, sampleView(data, {
      run: page.run, colors: page.classColors(page.run), epoch: state.epoch, image: page.run.has.images ? api.image(page.run.slug, row) : null,
      onepoch: context.onepoch, onselect: (expression) => page.search.search(expression), unpin: () => store.set({ pin: null }),
    }));
    page.runs.forEach((/** @type {any} */ run, /** @type {number} */ index) => {
      const view = page.views[index];
      const own = view ? page.pinRow(view) : index === 0 ? row : -1;
      const epoch = view ? page.epochOf(view) : state.epoch;
      const at = own >= 0 ? { run, row: own, epoch, map: view?.map?.name, missing: run.missing?.saliency ?? null, image: run.has.images ? api.image(run.slug, own) : null } : null;
      saliencyPanels[index].update(at);
      neuronPanels[index].update(at);
      if (index === 0) neighbors.update(at && at.map ? at : null);
    });
    const what = await api.run(page.run.slug, `changed/${state.epoch}.json?row=${row}${map ? `&map=${encodeURIComponent(map.name)}` : ""}`);
    if (!current()) return;
    changed.hidden = !what.rows?.length;
    if (what.rows?.length) {
      replace(changed, h("h3", null, `What changed since epoch ${what.previous}`), h("table", { class: "figures" }, h("thead", null, h("tr", null, h("td"), h("th", { scope: "col" }, "value"), h("th", { scope: "col" }, "larger than"))), h("tbody", null, what.rows.map((/** @type {any} */ one) => h("tr", { title: one.text ?? null },
        h("th", { scope: "row" }, one.name), h("td", null, one.value === null ? "–" : typeof one.value === "number" ? Number(one.value.toPrecision(3)) : one.value, one.unit ? ` ${one.unit}` : ""),
        h("td", { class: "muted" }, one.percentile === null || one.percentile === undefined ? "" : `${Math.round(one.percentile)} % of samples`))))));
    }
  }

  /** @param {any} state @param {() => boolean} current */
  async function showSet(state, current) {
    const map = page.mapOf();
    const data = await api.runPost(page.run.slug, `set/${state.epoch}.json`, { mask: toBase64(state.mask), map: map?.name });
    if (!current()) return;
    data.rows_shown = rowsOf(state.mask).slice(0, THUMBS);
    data.count ??= countOf(state.mask);
    replace(main, setView(data, {
      run: page.run, colors: page.classColors(page.run), epoch: state.epoch, onepoch: context.onepoch, onrow: context.onrow,
      onselect: (expression) => page.search.search([store.get().selection, expression].filter(Boolean).join(" ")),
      thumbnails: (rows) => (page.run.has.images ? h("div", { class: "thumbs" }, rows.map((row) => h("button", { type: "button", class: "thumb", "aria-label": `sample ${page.ids[row]}`, onclick: () => page.selecting.pin(row) }, h("img", { src: api.image(page.run.slug, row), alt: "", loading: "lazy" })))) : null),
    }));
  }

  /** @param {any} state @param {() => boolean} current */
  async function showRun(state, current) {
    const findings = await api.run(page.run.slug, "findings.json");
    if (!current()) return;
    replace(main, runView(page.run, findings, {
      epoch: state.epoch, map: page.mapOf(), onepoch: context.onepoch,
      onfinding: (finding) => {
        if (finding.epoch !== null && finding.epoch !== undefined) page.go(finding.epoch);
        if (finding.selection) page.search.search(finding.selection);
      },
    }));
  }

  const soon = () => { clearTimeout(timer); timer = window.setTimeout(update, SETTLE_MS); };
  store.subscribe((/** @type {any} */ state, /** @type {any} */ before) => {
    if (["epoch", "mask", "pin", "map", "theme"].some((name) => state[name] !== before[name])) soon();
  });
  update();
  return { update };
}

/** Views beside the map: confusion, curves, events, samples as a table or images, rounds, the cube, saved selections, two runs compared. */

import { h, replace } from "../dom.mjs";
import { fromBase64, toBase64 } from "../masks.mjs";
import { comparePanel } from "./compare.mjs";
import { confusionPanel } from "./confusion.mjs";
import { cubePanel } from "./cube.mjs";
import { curvesPanel } from "./curves.mjs";
import { eventsPanel } from "./events.mjs";
import { labellingPanel } from "./labelling.mjs";
import { samplesPanel } from "./samples.mjs";
import { selectionsPanel } from "./selections.mjs";

/** @param {HTMLElement} tabs @param {HTMLElement} body @param {any} page */
export function views(tabs, body, page) {
  const { api, store } = page;
  const select = (/** @type {string} */ expression) => page.search.search(expression);
  const onrow = (/** @type {number} */ row) => page.selecting.pin(row);
  const current = () => {
    const { epoch, mask } = store.get();
    return { run: page.run, epoch, map: page.mapOf()?.name, mask: mask ? toBase64(mask) : null, key: mask, title: page.runs.length > 1 ? `A · ${page.run.name}` : null };
  };
  /** @type {{name: string, text: string, make: (element: HTMLElement) => {update: () => void}}[]} */
  const kinds = [
    ...(page.runs.length === 2 ? [{ name: "compare", text: "Agreement", make: (/** @type {HTMLElement} */ element) => {
      const panel = comparePanel(element, {
        api, onepoch: (epoch) => page.go(epoch), onrow,
        oncell: async (wish, stop) => {
          const answer = await api.post(`compare/${page.runs[0].slug}/${page.runs[1].slug}/cell`, { epoch_a: stop.a, epoch_b: stop.b, ...wish });
          page.selecting.set(fromBase64(answer.rows_a));
        },
      });
      return { update: () => panel.update({ a: page.runs[0], b: page.runs[1], epoch: page.together.moment, join: store.get().join }) };
    } }] : []),
    ...(page.run.has.labels && page.run.has.logits ? [{ name: "confusion", text: "Confusion", make: (/** @type {HTMLElement} */ element) => {
      const panel = confusionPanel(element, { api, onselect: select });
      return { update: () => panel.update(current()) };
    } }] : []),
    { name: "curves", text: "Curves", make: (element) => {
      const panel = curvesPanel(element, { onepoch: (epoch) => page.go(epoch) });
      return { update: () => panel.update({ runs: page.runs, shown: page.runs.map((/** @type {any} */ _, /** @type {number} */ index) => page.together.epochOfRun(index)) }) };
    } },
    { name: "events", text: "Events", make: (element) => {
      const panel = eventsPanel(element, { api, onepoch: (epoch) => page.go(epoch), onrow, onselect: select, onmask: (mask, text) => { page.selecting.set(fromBase64(mask)); page.say(text); } });
      return { update: () => panel.update(current()) };
    } },
    ...(page.run.has.images ? [{ name: "images", text: "Images", make: (/** @type {HTMLElement} */ element) => {
      const panel = samplesPanel(element, { api, onrow, kind: "grid" });
      return { update: () => panel.update(current()) };
    } }] : []),
    ...(page.run.has.labelling && page.run.rounds ? [{ name: "labelling", text: "Labelling", make: (/** @type {HTMLElement} */ element) => {
      const panel = labellingPanel(element, { api, onepoch: (epoch) => page.go(epoch), onselect: select });
      return { update: () => panel.update(current()) };
    } }] : []),
    { name: "cube", text: "Cube", make: (element) => {
      const panel = cubePanel(element, { api, css: (name) => page.css(name) });
      return { update: () => {
        const view = page.views[0];
        const { run } = page;
        const { mask, pin, pins, layers } = store.get();
        panel.update({
          run, map: page.mapOf(), epoch: view ? view.epoch : store.get().epoch, rows: view ? page.selecting.trailRows(view) : [], labels: page.labelsOf(run), colors: page.classColors(run),
          raster: view && layers.includes("regions") ? view.ground.tile : null, theme: page.theme(), key: `${pin}/${pins}/${mask ? toBase64(mask) : ""}/${Boolean(page.labelsOf(run))}`,
        });
      } };
    } },
    { name: "table", text: "Table", make: (element) => {
      const panel = samplesPanel(element, { api, onrow, kind: "table" });
      return { update: () => panel.update(current()) };
    } },
    { name: "saved", text: "Saved", make: (element) => selectionsPanel(element, {
      api, run: () => page.run, mask: () => current().mask, expression: () => store.get().selection, onchoose: (one) => page.selecting.set(fromBase64(one.mask), `slice:${/^[\w-]+$/.test(one.name) ? one.name : `"${one.name}"`}`),
    }) },
  ];
  replace(tabs, kinds.map((kind, index) => h("button", { type: "button", role: "tab", "data-view": kind.name, id: `tab-${kind.name}`, "aria-selected": "false", "aria-controls": "view", title: `${kind.text} (${index + 1})`, onclick: () => page.openView(kind.name) }, kind.text)));
  body.setAttribute("role", "tabpanel");
  /** @type {Map<string, {element: HTMLElement, panel: {update: () => void}}>} */
  const made = new Map();
  let timer = 0;

  function update() {
    const { view } = store.get();
    const kind = kinds.find((one) => one.name === view);
    body.hidden = !kind;
    document.body.classList.toggle("view-open", Boolean(kind));
    for (const tab of tabs.querySelectorAll("[role=tab]")) tab.setAttribute("aria-selected", String(tab.getAttribute("data-view") === view));
    if (!kind) return;
    body.setAttribute("aria-labelledby", `tab-${kind.name}`);
    if (!made.has(kind.name)) {
      const element = h("section", { class: "panel view-panel", "aria-label": kind.text });
      made.set(kind.name, { element, panel: kind.make(element) });
    }
    const shown = /** @type {any} */ (made.get(kind.name));
    if (body.firstChild !== shown.element) replace(body, shown.element);
    shown.panel.update();
  }

  store.subscribe((/** @type {any} */ state, /** @type {any} */ before) => {
    if (state.view !== before.view) update();
    else if (state.view && ["epoch", "moment", "mask", "map", "pin", "pins", "theme", "join"].some((name) => state[name] !== before[name])) {
      clearTimeout(timer);
      timer = window.setTimeout(update, 120);
    }
  });
  page.refreshers.add(update);
  page.learned = () => { if (store.get().view === "curves") update(); };
  update();
}

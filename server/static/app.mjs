/** Starts the page: finds the runs, lays the screen out, joins the parts. */

import { Api } from "./api.mjs";
import { h, replace, s } from "./dom.mjs";
import { bindKeys } from "./keys.mjs";
import { Legend } from "./legend.mjs";
import { MapView } from "./map.mjs";
import { Page } from "./page.mjs";
import { inspector } from "./panels/inspector.mjs";
import { searchBox } from "./panels/search.mjs";
import { views } from "./panels/views.mjs";
import { decodeRaster } from "./regions.mjs";
import { fromBase64 } from "./masks.mjs";
import { Store, fromQuery } from "./state.mjs";
import { Timeline } from "./timeline.mjs";
import { progressText, runJob } from "./jobs.mjs";

const RETRY_MS = 3000;
const LAYER_BUTTONS = [["regions", "regions", "R"], ["boundary", "boundary", ""], ["trails", "trails", "T"], ["neighbors", "neighbours", "N"], ["density", "density", "D"], ["images", "images", ""], ["labels", "names", ""], ["isochrone", "last change", ""]];

const api = new Api();
const store = new Store();
const page = new Page(store, api);
page.decodeRaster = decodeRaster;
window.timetravel = Object.freeze({
  stats: () => page.stats(),
  sampleAt: (/** @type {number|string} */ id, side = 0) => { const row = page.rowById?.get(String(id)); return row === undefined ? null : page.views[side]?.sampleAt(side === 0 ? row : page.joinAB.get(row)); },
  idAt: (/** @type {number} */ x, /** @type {number} */ y) => { const row = page.views[0]?.rowAt({ clientX: x, clientY: y }); return row >= 0 ? Number(page.ids[row]) : null; },
  ready: () => new Promise((resolve) => { const wait = () => (page.ready && page.views.every((view) => view.still) ? resolve(true) : setTimeout(wait, 30)); wait(); }),
});

const root = /** @type {HTMLElement} */ (document.getElementById("app"));
start().catch((error) => fail(error));

async function start() {
  document.documentElement.dataset.theme = page.theme();
  if (localStorage.getItem("timetravel-inspector") === "closed") document.body.classList.add("inspector-closed");
  skeleton();
  const listing = await api.get("runs.json");
  page.version = listing.version;
  const asked = fromQuery(location.search);
  const wanted = (asked.runs ?? listing.open ?? []).filter((/** @type {string} */ slug) => listing.runs.includes(slug)).slice(0, 2);
  if (!wanted.length) return chooser(listing);
  page.runs = await Promise.all(wanted.map((/** @type {string} */ slug) => api.run(slug, "run.json")));
  for (const run of page.runs) api.runs.set(run.slug, run);
  if (page.run.epochs.length === 0) return empty(page.run, page.run.recording ? "Waiting for the first epoch …" : "Nothing was recorded in this run yet.");
  document.title = page.runs.map((run) => run.name).join(" and ") + " – timetravel";
  const ids = await api.column(page.run, "id", null);
  page.ids = Array.from(ids, (id) => id);
  page.rowById = new Map(page.ids.map((/** @type {any} */ id, /** @type {number} */ row) => [String(id), row]));
  page.joinAB = new Map();
  page.joinBA = new Map();
  if (page.runs.length === 2) await join();
  const last = page.run.epochs.at(-1);
  store.set({ runs: wanted, epoch: asked.epoch ?? last, map: asked.map ?? "", color: asked.color ?? (page.run.has.labels ? "label" : "predicted"), layers: asked.layers ?? store.get().layers, interval: asked.interval ?? null, camera: asked.camera ?? null, theme: localStorage.getItem("timetravel-theme") ?? "" }, { undo: false });
  layout(listing);
  if (page.mapOf()) await maps();
  else noMap();
  page.timeline.setRun(page.run);
  inspector(/** @type {HTMLElement} */ (document.getElementById("inspector")), page);
  views(/** @type {HTMLElement} */ (document.getElementById("tabs")), /** @type {HTMLElement} */ (document.getElementById("view")), page);
  await page.restore();
  if (!location.search.includes("epoch=")) page.goStop(Infinity);
  if (asked.view) store.set({ view: asked.view });
  page.selectionWords();
  page.figures();
  page.refreshLegend();
  follow();
}

async function join() {
  const { a, b } = { a: page.runs[0].slug, b: page.runs[1].slug };
  const pairs = new Int32Array(await api.bytes(`compare/${a}/${b}/join.bin`));
  for (let i = 0; i < pairs.length; i += 2) {
    page.joinAB.set(pairs[i], pairs[i + 1]);
    page.joinBA.set(pairs[i + 1], pairs[i]);
  }
  page.idsB = Array.from(await api.column(page.runs[1], "id", null), (id) => id);
}

function skeleton() {
  replace(root, h("div", { class: "skeleton", "aria-busy": "true" }, h("div", { class: "bar" }), h("div", { class: "stage" }, h("p", null, "Opening the run …")), h("div", { class: "time" })));
}

/** A line drawing of 16 x 16. @param {string} path @param {string} [dash] */
function icon(path, dash) {
  return s("svg", { viewBox: "0 0 16 16", width: 15, height: 15, "aria-hidden": "true", class: "icon" }, s("path", { d: path, fill: "none", stroke: "currentColor", "stroke-width": 1.4, "stroke-linecap": "round", "stroke-linejoin": "round", "stroke-dasharray": dash }));
}

/** @param {any} listing */
function layout(listing) {
  const { run, runs } = page;
  document.body.classList.toggle("one-run", runs.length === 1);
  const picker = /** @type {HTMLSelectElement} */ (h("select", { "aria-label": "run", onchange: () => { location.search = `?runs=${picker.value}`; } }, listing.entries.filter((/** @type {any} */ one) => !one.error).map((/** @type {any} */ one) => h("option", { value: one.slug, selected: one.slug === run.slug }, one.name))));
  const other = /** @type {HTMLSelectElement} */ (h("select", { "aria-label": "compare with", onchange: () => { location.search = other.value ? `?runs=${run.slug},${other.value}` : `?runs=${run.slug}`; } }, h("option", { value: "" }, runs.length === 2 ? "one run" : "+ compare"),
    listing.entries.filter((/** @type {any} */ one) => !one.error && one.slug !== run.slug).map((/** @type {any} */ one) => h("option", { value: one.slug, selected: runs[1]?.slug === one.slug }, `with ${one.name}`))));
  page.selectionElement = h("span", { class: "selection", id: "selection-count" });
  page.live = h("div", { class: "visually-hidden", role: "status", "aria-live": "polite" });
  page.toast = h("div", { class: "toast", hidden: true });
  page.card = h("div", { class: "hover-card", hidden: true });
  page.figuresElement = h("div", { class: "figures-line", "aria-label": "how far this map can be trusted" });
  page.colorMenu = colorMenu();
  page.keysDialog = /** @type {HTMLDialogElement} */ (h("dialog", { class: "keys-dialog", "aria-label": "keys" }));
  const searchSlot = h("div", { id: "search" });
  const tool = (/** @type {string} */ name, /** @type {string} */ text, /** @type {string} */ key, /** @type {Element} */ sign) => h("button", { type: "button", class: "tool", "data-tool-button": name, "aria-pressed": String(name === "pan"), title: `${text} (${key})`, "aria-label": text, onclick: () => page.tool(name) }, sign);
  const stages = runs.map((one, index) => h("div", { class: "map-frame" },
    runs.length === 2 ? h("h2", { class: "map-title" }, h("b", null, index ? "B" : "A"), ` ${one.name}`, h("span", { class: "muted", "data-map-title": index })) : null,
    h("div", { class: "map-stage", id: `map-${index ? "b" : "a"}`, tabindex: 0, role: "application", "aria-roledescription": "map", "aria-label": `map of ${one.name}: ${one.samples} samples; arrow keys walk pinned or selected samples` })));
  replace(root,
    h("a", { class: "skip", href: "#map-a" }, "skip to the map"),
    h("header", { class: "top" }, h("h1", null, "timetravel"), picker, listing.runs.length > 1 ? other : null, searchSlot,
      page.selectionElement,
      h("button", { type: "button", title: "undo (Ctrl Z)", "aria-label": "undo", onclick: () => store.undo() }, "↶"), h("button", { type: "button", title: "redo (Ctrl Shift Z)", "aria-label": "redo", onclick: () => store.redo() }, "↷"),
      h("button", { type: "button", class: "wide", onclick: copyLink }, "Copy link"),
      h("button", { type: "button", title: "light or dark", "aria-label": "light or dark", onclick: toggleTheme }, "◐"),
      h("button", { type: "button", title: "inspector (\\)", "aria-label": "inspector", onclick: () => page.toggleInspector() }, "◨"),
      h("button", { type: "button", title: "keys (?)", "aria-label": "keys", onclick: () => page.showKeys() }, "?")),
    h("div", { class: "banner", id: "banner", role: "alert", hidden: true }),
    h("main", { class: `maps runs-${runs.length}` },
      h("div", { class: "map-tools" }, h("span", { class: "group" }, tool("pan", "pan", "V", icon("M8 1.5v13M1.5 8h13M8 1.5L6 3.5M8 1.5l2 2M8 14.5l-2-2M8 14.5l2-2M1.5 8l2-2M1.5 8l2 2M14.5 8l-2-2M14.5 8l-2 2")), tool("lasso", "lasso", "L", icon("M8 2.5c3.6 0 6 1.7 6 4s-2.4 4-6 4-6-1.7-6-4 2.4-4 6-4zM5 10.2c-.9.6-.9 1.8.1 2 1.2.2 1.2 1.6.2 2.3")), tool("box", "box", "B", icon("M2.5 3.5h11v9h-11z", "2.5 2"))),
        h("label", { class: "group color" }, "colour ", page.colorMenu),
        h("span", { class: "group layers" }, LAYER_BUTTONS.filter(([name]) => name !== "images" || run.has.images).map(([name, text, key]) => h("button", { type: "button", "data-layer": name, "aria-pressed": String(store.get().layers.includes(name)), title: key ? `${text} (${key})` : text, onclick: () => page.toggleLayer(name) }, text)))),
      h("div", { class: "legend", id: "legend" }), stages, page.figuresElement),
    h("aside", { class: "inspector", id: "inspector", tabindex: -1, "aria-label": "inspector" }),
    h("section", { class: "view", id: "view", hidden: true }),
    h("section", { class: "timeline", id: "timeline", "aria-label": "time" }),
    h("footer", { class: "bottom" }, h("div", { class: "tabs", id: "tabs", role: "tablist", "aria-label": "views" }), h("span", { class: "spacer" }), h("span", { class: "muted", id: "status" })),
    page.live, page.toast, page.card, page.keysDialog);
  page.legend = new Legend(/** @type {HTMLElement} */ (document.getElementById("legend")), page);
  page.timeline = new Timeline(/** @type {HTMLElement} */ (document.getElementById("timeline")), page);
  page.search = searchBox(searchSlot, {
    api, run: () => page.run, epoch: () => store.get().epoch, map: () => page.mapOf()?.name ?? "", other: () => page.runs[1]?.slug ?? null,
    onresult: (expression, answer) => { page.select(answer.count ? fromBase64(answer.mask) : null, expression); if (answer.count) page.say(`${answer.count.toLocaleString("en-US")} samples fit`); }, onclear: () => page.select(null),
  });
  bindKeys(page, page.keysDialog);
  document.addEventListener("pointerup", (event) => { page.modifiers = { shiftKey: event.shiftKey, altKey: event.altKey }; }, true);
}

function colorMenu() {
  const { run } = page;
  const map = page.mapOf();
  const menu = /** @type {HTMLSelectElement} */ (h("select", { "aria-label": "colour", onchange: () => store.set({ color: menu.value, solo: [] }) },
    h("optgroup", { label: "samples" }, run.columns.filter((/** @type {any} */ one) => one.name !== "id").map((/** @type {any} */ one) => h("option", { value: one.name, title: one.text ?? null }, one.name.replaceAll("_", " ")))),
    map?.columns?.length ? h("optgroup", { label: "how the map lies" }, map.columns.map((/** @type {string} */ name) => h("option", { value: name }, name.replaceAll("_", " ")))) : null));
  menu.value = store.get().color;
  store.subscribe((state) => { menu.value = state.color; });
  return menu;
}

async function maps() {
  await bokehReady();
  const doc = window.Bokeh.documents[0];
  page.shared = doc.get_model_by_name("state");
  page.views = page.runs.map((run, index) => {
    const side = index ? "b" : "a";
    const view = new MapView(/** @type {HTMLElement} */ (document.getElementById(`map-${side}`)), { side, page, figure: doc.get_model_by_name(`map-${side}`), host: /** @type {HTMLElement} */ (document.getElementById(`bokeh-map-${side}`)) });
    const map = page.mapOf(run);
    if (map) view.setRun(run, map);
    return view;
  }).filter((view) => view.map);
  page.views[0]?.look(store.get().camera ?? page.views[0].fitted());
  page.tool("pan");
  await Promise.all(page.views.map((view) => view.go(page.epochOf(view), { tween: false })));
  page.shared?.properties.command.change.connect(() => obey(page.shared.command));
  page.shared?.properties.live.change.connect(() => grown(page.shared.live));
}

function bokehReady() {
  return new Promise((resolve) => {
    const wait = () => {
      const doc = window.Bokeh?.documents?.[0];
      const figure = doc?.get_model_by_name("map-a");
      if (figure && window.Bokeh.index.find_one(figure)) resolve(undefined);
      else setTimeout(wait, 20);
    };
    wait();
  });
}

/** What Python asks for. @param {string} text */
async function obey(text) {
  const wish = JSON.parse(text || "{}");
  if (!wish.n) return;
  if (wish.epoch !== undefined) page.go(wish.epoch);
  if (wish.selection) page.search.search(wish.selection);
  else if (wish.selection_key !== undefined) page.select(wish.selection_key ? await page.maskOfText(`mask:${wish.selection_key}`, store.get().epoch) : null);
}

/** A run that is being recorded has grown. @param {any} live */
async function grown(live) {
  for (const [index, run] of page.runs.entries()) {
    const key = live instanceof Map ? live.get(run.slug) : live[run.slug];
    if (!key || key === run.key) continue;
    const fresh = await api.run(run.slug, "run.json");
    const added = fresh.epochs.length - run.epochs.length;
    const wasLast = store.get().epoch === run.epochs.at(-1);
    page.runs[index] = fresh;
    api.runs.set(fresh.slug, fresh);
    const view = page.views[index];
    if (view) {
      view.run = fresh;
      view.map = page.mapOf(fresh);
    }
    if (index === 0) {
      page.timeline.setRun(fresh);
      if (added > 0) page.say(`${added} new ${added === 1 ? "epoch" : "epochs"}`);
      if (wasLast && added > 0) page.goStop(Infinity);
    }
  }
}

function follow() {
  const banner = /** @type {HTMLElement} */ (document.getElementById("banner"));
  let tries = 0;
  api.onlineListeners.add((online) => {
    banner.hidden = online;
    document.body.classList.toggle("offline", !online);
    if (online) {
      page.say("the server is back");
      tries = 0;
      page.tell();
      return;
    }
    const again = () => {
      if (api.online) return;
      banner.textContent = `The server cannot be reached, trying again (${++tries}). Epochs that were seen stay here.`;
      api.get("runs.json").catch(() => setTimeout(again, RETRY_MS));
    };
    again();
  });
  setInterval(() => { if (document.visibilityState === "visible") api.get("runs.json").catch(() => undefined); }, 15_000);
  setInterval(() => {
    const { lastChangeMs } = page.stats();
    const status = document.getElementById("status");
    if (status) status.textContent = Number.isFinite(lastChangeMs) ? `ready · ${Math.round(/** @type {number} */ (lastChangeMs))} ms` : "ready";
  }, 1000);
}

function copyLink() {
  const done = () => page.say("link copied");
  navigator.clipboard?.writeText(location.href).then(done, () => page.say(location.href));
  if (!navigator.clipboard) page.say(location.href);
}

function toggleTheme() {
  const theme = page.theme() === "dark" ? "light" : "dark";
  localStorage.setItem("timetravel-theme", theme);
  store.set({ theme });
}

/** @param {any} listing */
function chooser(listing) {
  replace(root, h("main", { class: "chooser" }, h("h1", null, "timetravel"), listing.entries.length ? h("p", null, "Choose a run.") : h("p", null, "There is no run here. Record one, or try `timetravel demo`."),
    h("ul", null, listing.entries.map((/** @type {any} */ one) => h("li", null, one.error ? [h("strong", null, one.name), h("p", { class: "error" }, one.error)] : h("a", { href: `?runs=${encodeURIComponent(one.slug)}` }, one.name))))));
  page.ready = true;
}

/** @param {any} run @param {string} text */
function empty(run, text) {
  replace(root, h("main", { class: "chooser" }, h("h1", null, run.name), h("p", null, text)));
  page.ready = true;
  if (run.recording) setTimeout(() => location.reload(), RETRY_MS);
}

function noMap() {
  const stage = /** @type {HTMLElement} */ (document.getElementById("map-a"));
  const status = h("p", { class: "muted", role: "status" });
  const button = /** @type {HTMLButtonElement} */ (h("button", { type: "button", class: "primary", onclick: make }, "Make the map now"));
  replace(stage, h("div", { class: "no-map" }, h("h2", null, "No map yet"), h("p", null, page.run.no_map ?? "Make one with `timetravel project RUN`."), button, status));
  page.ready = true;
  async function make() {
    button.disabled = true;
    try {
      await runJob(api, { kind: "project", run: page.run.slug }, { onprogress: (job) => { status.textContent = progressText(job); } });
      location.reload();
    } catch (error) {
      status.textContent = String(/** @type {Error} */ (error).message);
      button.disabled = false;
    }
  }
}

/** @param {any} error */
function fail(error) {
  page.errors.push(String(error?.message ?? error));
  console.error(error);
  replace(root, h("main", { class: "chooser" }, h("h1", null, "timetravel"), h("p", { class: "error", role: "alert" }, String(error?.message ?? error)), h("button", { type: "button", onclick: () => location.reload() }, "Try again")));
}

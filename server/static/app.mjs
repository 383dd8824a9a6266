/** Starts the page: finds the runs, lays the screen out, joins the parts. */

import { usualColor } from "./address.mjs";
import { Api } from "./api.mjs";
import { Connection } from "./connection.mjs";
import { h, replace } from "./dom.mjs";
import { progressText, runJob } from "./jobs.mjs";
import { keep, kept } from "./kept.mjs";
import { bindKeys } from "./keys.mjs";
import { layout } from "./layout.mjs";
import { Legend } from "./legend.mjs";
import { MapView } from "./map.mjs";
import { fromBase64 } from "./masks.mjs";
import { Page } from "./page.mjs";
import { inspector } from "./panels/inspector.mjs";
import { searchBox } from "./panels/search.mjs";
import { views } from "./panels/views.mjs";
import { Store, fromQuery } from "./state.mjs";
import { Timeline } from "./timeline.mjs";

const RETRY_MS = 3000;

const api = new Api();
const store = new Store();
const page = new Page(store, api);
const connection = new Connection(page);
window.timetravel = Object.freeze({
  stats: () => page.stats(),
  sampleAt: (/** @type {number|string} */ id, side = 0) => { const view = page.views[side]; const row = view ? page.rows.inView(view, id) : -1; return row < 0 ? null : view.sampleAt(row); },
  idAt: (/** @type {number} */ x, /** @type {number} */ y) => { const row = page.views[0]?.rowAt({ clientX: x, clientY: y }); return row >= 0 ? page.rows.id(row) : null; },
  ready: () => new Promise((resolve) => { const wait = () => (page.ready && page.views.every((view) => view.still) ? resolve(true) : setTimeout(wait, 30)); wait(); }),
});

const root = /** @type {HTMLElement} */ (document.getElementById("app"));
const element = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
start().catch((error) => fail(error));

async function start() {
  document.documentElement.dataset.theme = page.theme();
  for (const panel of ["inspector", "timeline"]) document.body.classList.toggle(`${panel}-closed`, kept(panel) === "closed");
  replace(root, h("div", { class: "skeleton", "aria-busy": "true" }, h("div", { class: "bar" }), h("div", { class: "stage" }, h("p", null, "Opening the run …")), h("div", { class: "time" })));
  const listing = await api.get("runs.json");
  page.version = listing.version;
  const asked = fromQuery(location.search);
  const unknown = (asked.runs ?? []).filter((/** @type {string} */ slug) => !listing.runs.includes(slug));
  const wanted = (asked.runs ?? listing.open ?? []).filter((/** @type {string} */ slug) => listing.runs.includes(slug)).slice(0, Math.min(2, listing.runs.length));
  if (!wanted.length) return chooser(listing, unknown);
  const broken = listing.entries.find((/** @type {any} */ one) => wanted.includes(one.slug) && one.error);
  if (broken) return chooser(listing, []);
  page.runs = await Promise.all(wanted.map((/** @type {string} */ slug) => api.run(slug, "run.json")));
  for (const run of page.runs) api.runs.set(run.slug, run);
  if (page.run.epochs.length === 0) return empty(page.run, page.run.recording ? "Waiting for the first epoch …" : "Nothing was recorded in this run yet.");
  document.title = `${page.runs.map((run) => run.name).join(" and ")} – timetravel`;
  await page.rows.load();
  store.set({
    runs: wanted, ...page.together.at(asked.epoch ?? page.run.epochs.at(-1)), map: asked.map ?? "", color: asked.color ?? usualColor(page.run), layers: asked.layers ?? store.get().layers,
    interval: asked.interval ?? null, camera: asked.camera ?? null, theme: kept("theme") ?? "",
  }, { undo: false });
  document.documentElement.dataset.theme = page.theme();
  build(listing);
  if (page.mapOf()) await maps();
  else noMap();
  page.timeline.setRun(page.run);
  for (const run of page.runs) page.learn(run);
  inspector(element("inspector"), page);
  views(element("tabs"), element("view"), page);
  await page.address.restore();
  if (asked.epoch === undefined) page.goStop(Infinity);
  await connection.obey(page.shared?.command, asked);
  if (page.views.every((view) => view.still)) page.stillDrawn();
  page.address.tell();
  page.words.selection();
  page.layersChanged();
  page.words.figures();
  page.refreshLegend();
  connection.watch();
  if (unknown.length) page.say(`there is no run ${unknown.join(", ")} here`);
}

/** @param {any} listing */
function build(listing) {
  layout(root, page, { listing, oncopy: copyLink, ontheme: toggleTheme });
  if (kept("inspector") === null && document.body.classList.contains("overlaid")) document.body.classList.add("inspector-closed");
  page.legend = new Legend(element("legend"), page);
  page.timeline = new Timeline(element("timeline"), page);
  page.search = searchBox(element("search"), {
    api, run: () => page.run, epoch: () => store.get().epoch, map: () => page.mapOf()?.name ?? "", other: () => (page.runs[1] ? { other: page.runs[1].slug, other_epoch: page.together.epochOfRun(1) } : {}), selection: () => store.get().selection,
    onresult: (expression, answer, epoch) => {
      page.selecting.set(answer.count ? fromBase64(answer.mask) : null, expression, epoch);
      page.say(answer.count ? `${answer.count.toLocaleString("en-US")} ${answer.count === 1 ? "sample fits" : "samples fit"}` : `no sample fits ${expression}`);
    },
    onclear: () => page.selecting.set(null),
  });
  bindKeys(page, page.keysDialog);
  document.addEventListener("pointerup", (event) => { page.selecting.modifiers = { shiftKey: event.shiftKey, altKey: event.altKey }; }, true);
}

async function maps() {
  const doc = await bokehDocument();
  page.shared = doc.get_model_by_name("state");
  page.views = page.runs.map((run, index) => {
    const side = index ? "b" : "a";
    const view = new MapView(element(`map-${side}`), { side, page, figure: doc.get_model_by_name(`map-${side}`), host: element(`bokeh-map-${side}`) });
    const map = page.mapOf(run);
    if (map) view.setRun(run, map);
    else replace(element(`map-${side}`), h("div", { class: "no-map" }, h("h2", null, "No map yet"), h("p", null, run.no_map ?? "Make one with `timetravel project RUN`.")));
    return view;
  }).filter((view) => view.map);
  page.together.linkAsFits();
  for (const view of page.views) if (view.leads) view.look(view.wanted());
  page.tool("pan");
  await Promise.all(page.views.map((view) => view.go(page.epochOf(view), { tween: false })));
  connection.listen(page.shared);
}

/** @returns {Promise<any>} */
function bokehDocument() {
  return new Promise((resolve) => {
    const wait = () => {
      const doc = window.Bokeh?.documents?.[0];
      const figure = doc?.get_model_by_name("map-a");
      if (figure && window.Bokeh.index.find_one(figure)) resolve(doc);
      else setTimeout(wait, 20);
    };
    wait();
  });
}

function copyLink() {
  const done = () => page.say("link copied");
  navigator.clipboard?.writeText(location.href).then(done, () => page.say(location.href));
  if (!navigator.clipboard) page.say(location.href);
}

function toggleTheme() {
  const theme = page.theme() === "dark" ? "light" : "dark";
  keep("theme", theme);
  store.set({ theme });
}

/** @param {any} listing @param {string[]} unknown runs that the link asks for and nobody has */
function chooser(listing, unknown) {
  replace(root, h("main", { class: "chooser" }, h("h1", null, "timetravel"),
    unknown.length ? h("p", { class: "error", role: "alert" }, `There is no run ${unknown.join(", ")} here.`) : null,
    listing.entries.length ? h("p", null, "Choose a run.") : h("p", null, "There is no run here. Record one, or try `timetravel demo`."),
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
  const status = h("p", { class: "muted", role: "status" });
  const button = /** @type {HTMLButtonElement} */ (h("button", { type: "button", class: "primary", onclick: make }, "Make the map now"));
  const cancel = h("button", { type: "button", hidden: true, onclick: () => running.abort() }, "Cancel");
  let running = new AbortController();
  replace(element("map-a"), h("div", { class: "no-map" }, h("h2", null, "No map yet"), h("p", null, page.run.no_map ?? "Make one with `timetravel project RUN`."), button, status, cancel));
  page.ready = true;
  async function make() {
    button.disabled = true;
    cancel.hidden = false;
    running = new AbortController();
    try {
      await runJob(api, { kind: "project", run: page.run.slug }, { signal: running.signal, onprogress: (job) => { status.textContent = progressText(job); } });
      location.reload();
    } catch (error) {
      status.textContent = running.signal.aborted ? "Cancelled." : String(/** @type {Error} */ (error).message);
      button.disabled = false;
      cancel.hidden = true;
    }
  }
}

/** @param {any} error */
function fail(error) {
  page.errors.push(String(error?.message ?? error));
  console.error(error);
  replace(root, h("main", { class: "chooser" }, h("h1", null, "timetravel"), h("p", { class: "error", role: "alert" }, String(error?.message ?? error)), h("button", { type: "button", onclick: () => location.reload() }, "Try again")));
}

/** Lays the screen out: top bar, maps with their tools, inspector, views, timeline, bottom bar. */

import { counted } from "./chart_math.mjs";
import { h, replace } from "./dom.mjs";
import { icon } from "./icons.mjs";
import { exportMenu } from "./panels/exporting.mjs";
import { PAIR_COLUMNS } from "./shading.mjs";
import { laterBy } from "./stops.mjs";

const LAYERS = [
  ["regions", "regions", "R", "decision regions: hue by class, faint where the map is not to be trusted"], ["boundary", "boundary", "", "where the prediction changes class"],
  ["trails", "trails", "T", "where pinned and selected samples come from and go to"], ["neighbors", "neighbours", "N", "neighbours of the pinned sample: whole lines in the network's space, dashed on the map"],
  ["wrong", "wrong", "", "crosses on wrong predictions, rings on flipped ones"], ["labels", "names", "", "names of the classes, ids of a small selection"],
  ["density", "density", "D", "where dots pile up"], ["images", "images", "", "the images themselves, thinned"], ["isochrone", "last change", "", "ground by the epoch at which its class last changed"],
];
/** Epochs by which two runs are set apart: what a link takes. */
const LATER_AT_MOST = 9_999_999;
const NARROW_PX = 1000;
const TINY_PX = 460;
const ROOMY_PX = 1000;
const BRIEF_PX = 760;
const LAYERS_GAP_PX = 26;
const SMALL = { width: 560, height: 420 };
/** Narrower pages, by how many runs they show, have the inspector over the maps and not beside them. */
const BESIDE_PX = [760, 1024];

/**
 * @param {HTMLElement} root
 * @param {any} page
 * @param {{listing: any, oncopy: () => void, ontheme: () => void}} context
 */
export function layout(root, page, { listing, oncopy, ontheme }) {
  const { run, runs, store } = page;
  document.body.classList.toggle("one-run", runs.length === 1);
  overlay(page);
  page.live = h("div", { class: "visually-hidden", role: "status", "aria-live": "polite" });
  page.toast = h("div", { class: "toast", hidden: true });
  page.keysDialog = /** @type {HTMLDialogElement} */ (h("dialog", { class: "keys-dialog", "aria-label": "keys" }));
  const main = h("main", { class: `maps runs-${runs.length}` }, tools(page), h("div", { class: "legend", id: "legend" }), runs.map((/** @type {any} */ one, /** @type {number} */ index) => frame(page, one, index)));
  replace(root,
    h("a", { class: "skip", href: "#map-a" }, "skip to the map"),
    topBar(page, listing, oncopy, ontheme),
    h("div", { class: "banner", id: "banner", role: "alert", hidden: true }), main,
    h("aside", { class: "inspector", id: "inspector", tabindex: -1, "aria-label": "inspector" }),
    h("section", { class: "view", id: "view", hidden: true }),
    h("section", { class: "timeline", id: "timeline", "aria-label": "time" }),
    h("footer", { class: "bottom" }, h("div", { class: "tabs", id: "tabs", role: "tablist", "aria-label": "views" }), h("span", { class: "spacer" }), run.notice ? h("span", { class: "notice", title: run.notice }, "⚠ ", run.notice) : null, h("span", { class: "muted", id: "status" })),
    page.live, page.toast, page.card.element, page.keysDialog);
  const room = new ResizeObserver(() => narrow(main, page));
  for (const one of [main, main.querySelector(".legend")]) room.observe(/** @type {Element} */ (one));
  store.subscribe(() => { for (const button of document.querySelectorAll("[data-undo]")) /** @type {HTMLButtonElement} */ (button).disabled = (button.getAttribute("data-undo") === "undo" ? store.past : store.future).length === 0; });
}

/** @param {any} page @param {any} listing @param {() => void} oncopy @param {() => void} ontheme */
function topBar(page, listing, oncopy, ontheme) {
  const { run, runs, store } = page;
  const known = listing.entries.filter((/** @type {any} */ one) => !one.error);
  const picker = /** @type {HTMLSelectElement} */ (h("select", { "aria-label": "run", onchange: () => { location.search = `?runs=${encodeURIComponent(picker.value)}`; } },
    known.map((/** @type {any} */ one) => h("option", { value: one.slug, selected: one.slug === run.slug }, one.name))));
  const other = /** @type {HTMLSelectElement} */ (h("select", { "aria-label": "compare with", title: "two runs side by side", onchange: () => page.address.open(other.value ? [run.slug, other.value] : [run.slug]) },
    h("option", { value: "" }, runs.length === 2 ? "one run" : "+ compare"), known.filter((/** @type {any} */ one) => one.slug !== run.slug).map((/** @type {any} */ one) => h("option", { value: one.slug, selected: runs[1]?.slug === one.slug }, `with ${one.name}`))));
  const button = (/** @type {any} */ sign, /** @type {string} */ text, /** @type {string} */ key, /** @type {() => void} */ onclick, /** @type {any} */ more = {}) => h("button", { type: "button", class: "sign", title: key ? `${text} (${key})` : text, "aria-label": text, onclick, ...more }, icon(sign));
  page.selectionElement = h("span", { class: "selection", id: "selection-count" });
  return h("header", { class: "top" }, h("h1", null, "timetravel"), picker, known.length > 1 ? other : null, h("div", { id: "search" }), page.selectionElement,
    h("span", { class: "group with-selection" }, button("only", "show only the selection", "O", () => page.selecting.toggleOnly(), { id: "only" }), button("clear", "clear the selection", "Esc", () => page.selecting.set(null))),
    h("span", { class: "group history" }, button("undo", "undo", "Ctrl Z", () => store.undo(), { "data-undo": "undo", disabled: true }), button("redo", "redo", "Ctrl Shift Z", () => store.redo(), { "data-undo": "redo", disabled: true })),
    exportMenu(page), button("link", "copy link", "", oncopy, { id: "copy-link" }), button("theme", "light or dark", "", ontheme),
    button("inspector", "inspector", "\\", () => page.fold("inspector")), button("keys", "keys", "?", () => page.showKeys()));
}

/** @param {any} page */
function tools(page) {
  const { run, store } = page;
  const tool = (/** @type {any} */ name, /** @type {string} */ key, /** @type {string} */ text = name, /** @type {string} */ dash = "") => h("button", { type: "button", class: "tool", "data-tool-button": name, "aria-pressed": String(name === "pan"), title: `${text} (${key})`, "aria-label": text, onclick: () => page.tool(name) }, icon(name, dash || undefined));
  page.colorMenu = colorMenu(page);
  const layers = LAYERS.filter(([name]) => (name !== "images" || run.has.images) && (name !== "wrong" || run.has.logits));
  const menu = /** @type {HTMLDetailsElement} */ (h("details", { class: "layers-menu" }, h("summary", { class: "group" }, icon("layers"), "layers"),
    h("span", { class: "group layers", role: "group", "aria-label": "layers" }, layers.map(([name, text, key, meaning]) => h("button", { type: "button", "data-layer": name, "aria-pressed": String(store.get().layers.includes(name)), title: key ? `${meaning} (${key})` : meaning, onclick: () => page.toggleLayer(name) }, text)))));
  document.addEventListener("pointerdown", (event) => { if (menu.classList.contains("folded") && !menu.contains(/** @type {Node} */ (event.target))) menu.open = false; });
  return h("div", { class: "map-tools" },
    h("span", { class: "group" }, tool("pan", "V"), tool("lasso", "L"), tool("box", "B", "box", "2.5 2"), h("button", { type: "button", class: "tool", title: "whole map (0)", "aria-label": "whole map", onclick: () => page.looking.resetCamera() }, icon("whole")), h("button", { type: "button", class: "tool", title: "fit the dots of this epoch (F)", "aria-label": "fit this epoch", onclick: () => page.looking.fitEpoch() }, icon("fit"))),
    h("label", { class: "group color" }, h("span", { class: "word" }, "colour"), page.colorMenu), mapMenu(page), menu);
}

/** @param {any} page */
function overlay(page) {
  document.body.classList.toggle("overlaid", window.innerWidth < BESIDE_PX[page.runs.length - 1]);
}

/** Folds what a map has no room for: the layers where they would lie under the legend, the legend on a small map. @param {HTMLElement} main @param {any} page */
function narrow(main, page) {
  const menu = /** @type {HTMLDetailsElement} */ (main.querySelector(".layers-menu"));
  const legend = /** @type {HTMLElement} */ (main.querySelector(".legend"));
  overlay(page);
  const each = main.clientWidth / page.runs.length;
  const small = each < SMALL.width || main.clientHeight < SMALL.height;
  main.classList.toggle("small", small);
  main.classList.toggle("brief", small || each < (page.runs.length > 1 ? ROOMY_PX : BRIEF_PX));
  main.classList.toggle("narrow", each < NARROW_PX);
  main.classList.toggle("tiny", page.runs.length === 1 && each < TINY_PX);
  page.legend?.room(!small && (page.runs.length < 2 || each >= ROOMY_PX));
  const [was, open] = [menu.classList.contains("folded"), menu.open];
  menu.classList.remove("folded");
  menu.open = true; // its width is measured as it would lie unfolded
  const wide = /** @type {HTMLElement} */ (main.querySelector(".map-tools")).scrollWidth + LAYERS_GAP_PX;
  const folded = wide > (page.runs.length > 1 ? each : main.clientWidth - legend.offsetWidth);
  menu.classList.toggle("folded", folded);
  menu.open = folded ? was && open : true;
}

/** @param {any} page */
function colorMenu(page) {
  const { run, store } = page;
  const map = page.mapOf();
  const word = (/** @type {string} */ name) => name.replaceAll("_", " ");
  const menu = /** @type {HTMLSelectElement} */ (h("select", { "aria-label": "colour", onchange: () => store.set({ color: menu.value, solo: [] }) },
    h("optgroup", { label: "samples" }, run.columns.filter((/** @type {any} */ one) => one.name !== "id").map((/** @type {any} */ one) => h("option", { value: one.name, title: one.text ?? null }, word(one.name)))),
    page.runs.length === 2 ? h("optgroup", { label: "A and B" }, PAIR_COLUMNS.map((one) => h("option", { value: one.name, title: one.text }, one.word))) : null,
    map?.columns?.length ? h("optgroup", { label: "how the map lies" }, map.columns.map((/** @type {string} */ name) => h("option", { value: name }, word(name)))) : null));
  menu.value = store.get().color;
  store.subscribe((/** @type {any} */ state) => { menu.value = state.color; });
  return menu;
}

/** Which map is shown, where a run has several. @param {any} page */
function mapMenu(page) {
  const { run, store } = page;
  if (run.maps.length < 2) return null;
  const menu = /** @type {HTMLSelectElement} */ (h("select", { "aria-label": "map", onchange: () => store.set({ map: menu.value, camera: null }) }, run.maps.map((/** @type {any} */ one) => h("option", { value: one.name, title: one.method }, one.name))));
  menu.value = page.mapOf().name;
  store.subscribe(() => { menu.value = page.mapOf().name; });
  return h("label", { class: "group color" }, h("span", { class: "word" }, "map"), menu);
}

/** @param {any} page @param {any} run @param {number} index */
function frame(page, run, index) {
  const side = index ? "b" : "a";
  const two = page.runs.length === 2;
  return h("div", { class: "map-frame" },
    h("div", { class: "map-stage", id: `map-${side}`, tabindex: 0, role: "application", "aria-roledescription": "map", "aria-label": `map of ${run.name}: ${counted(run.samples, "sample")}; arrow keys walk pinned or selected samples` }),
    index ? joining(page) : null,
    h("div", { class: "map-foot" }, two ? h("h2", { class: "map-title" }, h("b", null, side.toUpperCase()), h("span", { class: "name" }, ` ${run.name}`), h("span", { class: "muted", "data-map-title": side })) : null,
      h("div", { class: "figures-line", "data-figures": side, role: "group", "aria-label": `how far the map of ${run.name} can be trusted` })));
}

/** How the second run stands beside the first. @param {any} page */
function joining(page) {
  const { store } = page;
  const menu = /** @type {HTMLSelectElement} */ (h("select", { id: "join", "aria-label": "epochs of B", title: "which epoch of B stands beside one of A", onchange: () => page.together.join(menu.value === "later" ? "1" : menu.value) },
    h("option", { value: "epoch" }, "same epoch"), h("option", { value: "accuracy" }, "same accuracy"), h("option", { value: "later" }, "B later by")));
  const later = /** @type {HTMLInputElement} */ (h("input", { type: "number", id: "later", step: 1, class: "apart", hidden: true, "aria-label": "by how many epochs B is later", title: "by how many epochs B is later; negative for earlier", 
    onchange: () => page.together.join(String(Math.max(-LATER_AT_MOST, Math.min(LATER_AT_MOST, Math.round(Number(later.value) || 0))) || "epoch")), onblur: () => show() }));
  const link = /** @type {HTMLButtonElement} */ (h("button", { type: "button", id: "link-cameras", "aria-pressed": "true", title: "both maps share one camera", onclick: () => page.together.link(!store.get().linked) }, "linked"));
  const show = () => {
    const apart = laterBy(store.get().join);
    menu.value = apart ? "later" : store.get().join;
    if (document.activeElement === later) return; // somebody types
    later.hidden = !apart;
    later.value = String(apart);
  };
  store.subscribe((/** @type {any} */ state) => {
    show();
    link.setAttribute("aria-pressed", String(state.linked));
  });
  return h("span", { class: "joining group" }, menu, later, link);
}

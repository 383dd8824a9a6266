/** What can be taken away: the picture as seen, a drawing, the film, the page as one file, the selection. */

import { usualColor } from "../address.mjs";
import { h, replace } from "../dom.mjs";
import { icon } from "../icons.mjs";
import { progressText, runJob } from "../jobs.mjs";
import { toBase64 } from "../masks.mjs";
import { composePicture } from "../picture.mjs";

const FORMS = [
  ["svg", "Map, SVG", "this epoch as shapes and text"], ["gif", "Film, GIF", "the whole travel"], ["mp4", "Film, MP4", "the whole travel"],
  ["html", "Page, one HTML file", "opens from disk without a server"],
];

/** @param {any} page */
export function exportMenu(page) {
  const status = h("div", { class: "export-status", role: "status" });
  /** @type {AbortController | null} */
  let running = null;
  const item = (/** @type {string} */ name, /** @type {string} */ text, /** @type {string} */ meaning, /** @type {() => void} */ onclick) => h("button", { type: "button", class: "menu-item", "data-export": name, onclick }, h("span", null, text), h("span", { class: "muted" }, meaning));
  const selected = h("div", { class: "with-selection" }, ["csv", "parquet"].map((form) => item(form, `Selection, ${form === "csv" ? "CSV" : "Parquet"}`, "its samples with every column", () => selection(form))));
  const body = h("div", { class: "menu-body" }, item("png", "Picture, PNG", "what is seen, with legend", () => picture()), FORMS.map(([form, text, meaning]) => item(form, text, meaning, () => drawn(form))), selected, status);
  const menu = /** @type {HTMLDetailsElement} */ (h("details", { class: "menu", id: "export" }, h("summary", { class: "sign", title: "export", "aria-label": "export" }, icon("export"), h("span", { class: "word" }, "Export")), body));
  document.addEventListener("pointerdown", (event) => { if (menu.open && !running && !menu.contains(/** @type {Node} */ (event.target))) menu.open = false; });
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    menu.open = false;
    menu.querySelector("summary")?.focus();
  });

  function picture() {
    if (!page.views.length) return say("There is no map to draw yet.");
    const words = page.views.map((/** @type {any} */ view) => ({ title: title(page, view), foot: foot(view) }));
    const canvas = composePicture({ views: page.views, shades: page.shading.last, words, css: (name) => page.css(name), ratio: window.devicePixelRatio || 1 });
    canvas.toBlob((blob) => blob && save(blob, `${fileName(page)}.png`), "image/png");
    menu.open = false;
  }

  /** @param {string} form */
  async function selection(form) {
    const { mask, epoch } = page.store.get();
    if (!mask) return;
    await page.api.download(`export/${page.run.slug}/selection.${form}`, { mask: toBase64(mask), epoch, map: page.mapOf()?.name }, `${page.run.name}-selection.${form}`).catch((/** @type {any} */ error) => page.report(error));
    menu.open = false;
  }

  /** Drawn by the server, with progress. @param {string} form */
  async function drawn(form) {
    if (running) return;
    const map = page.mapOf();
    if (!map) return say("There is no map to draw yet.");
    const pair = page.shading.ofPair();
    running = new AbortController();
    const { signal } = running;
    const bar = /** @type {HTMLProgressElement} */ (h("progress", { max: 1 }));
    const word = h("span", null, "starting");
    replace(status, h("div", { class: "progress" }, bar, word, h("button", { type: "button", onclick: () => running?.abort() }, "Cancel")));
    try {
      const request = { kind: "picture", run: page.run.slug, form, map: map.name, epoch: page.views[0]?.epoch ?? page.store.get().epoch, color: pair ? usualColor(page.run) : page.store.get().color, dark: page.theme() === "dark" };
      const job = await runJob(page.api, request, { signal, onprogress: (state) => {
        word.textContent = progressText(state);
        if (state.total) {
          bar.max = state.total;
          bar.value = state.done;
        }
      } });
      save(new Blob([await page.api.bytes(`jobs/${job.id}/result.bin`)], { type: job.result.mime }), `${fileName(page, form === "svg")}.${form}`);
      say(pair ? `Saved, in the usual colours: it shows one run, and "${pair.word}" is of two.` : "Saved.");
    } catch (error) {
      say(signal.aborted ? "Cancelled." : String(/** @type {Error} */ (error).message));
    } finally {
      running = null;
    }
  }

  /** @param {string} text */
  function say(text) {
    replace(status, h("p", null, text));
  }

  return menu;
}

/** @param {Blob} blob @param {string} name */
export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** @param {any} page @param {boolean} [epoch] */
function fileName(page, epoch = true) {
  return `${page.runs.map((/** @type {any} */ run) => run.name).join("-")}${epoch ? `-epoch-${page.store.get().epoch}` : ""}`.replace(/[^\w.-]+/g, "_");
}

/** @param {any} page @param {any} view */
function title(page, view) {
  const at = view.run.epochs.indexOf(view.epoch);
  const accuracy = Object.entries(view.run.accuracy ?? {}).map(([split, values]) => [split, /** @type {any} */ (values)[at]]).filter(([, value]) => value !== null && value !== undefined).map(([split, value]) => `${split} ${Number(value).toFixed(3)}`).join(", ");
  return `${page.views.length > 1 ? `${view.side.toUpperCase()}  ` : ""}${view.run.name}   epoch ${view.epoch}${accuracy ? `   accuracy: ${accuracy}` : ""}`;
}

/** @param {any} view */
function foot(view) {
  const { map, epoch } = view;
  const at = map.epochs.indexOf(epoch);
  const value = (/** @type {string} */ name) => map.quality?.[name]?.[at];
  return [
    `map ${map.name} (${map.method})`, value("neighbor_preservation") === undefined ? "" : `${value("neighbor_preservation").toFixed(2)} of neighbours kept`,
    value("ppr") === undefined || value("ppr") === null ? "" : `agrees with the model ${value("ppr").toFixed(3)}`, ...(map.words?.[epoch] ?? []).slice(0, 1),
  ].filter(Boolean).join(" · ");
}

/** Where the network looked: attribution maps of one sample over epochs, or the mean of a set, on one colour scale. */

import { attributionColors, number } from "../chart_math.mjs";
import { pixelImage } from "../charts.mjs";
import { h, replace } from "../dom.mjs";
import { progressText, runJob } from "../jobs.mjs";

export const METHODS = [
  ["saliency", "gradient"], ["smoothgrad", "smoothed gradient"], ["input_x_gradient", "input × gradient"],
  ["integrated_gradients", "integrated gradients"], ["guided_backprop", "guided backpropagation"], ["deconvolution", "deconvolution"],
  ["grad_cam", "Grad-CAM"], ["guided_grad_cam", "guided Grad-CAM"], ["occlusion", "occlusion"],
];

const STRIP = 7;

/**
 * Epochs of the film strip: the current one and the one before, the first and the last, and others where the gaps are widest.
 * @param {number[]} epochs
 * @param {number} epoch
 * @param {number} count
 */
export function stripEpochs(epochs, epoch, count = STRIP) {
  const at = Math.max(0, epochs.indexOf(epoch));
  const chosen = [...new Set([at, Math.max(0, at - 1), 0, epochs.length - 1])].slice(0, count).sort((a, b) => a - b);
  while (chosen.length < Math.min(count, epochs.length)) {
    let widest = 0;
    for (let i = 1; i + 1 < chosen.length; i++) if (chosen[i + 1] - chosen[i] > chosen[widest + 1] - chosen[widest]) widest = i;
    chosen.splice(widest + 1, 0, Math.floor((chosen[widest] + chosen[widest + 1]) / 2));
  }
  return chosen.map((index) => epochs[index]);
}

/**
 * A panel that keeps its own settings and follows sample and epoch.
 * @param {HTMLElement} element
 * @param {{api: any, onepoch: (epoch: number) => void}} context
 */
export function saliencyPanel(element, { api, onepoch }) {
  const settings = { method: "saliency", target: "predicted", own: false, change: false };
  /** @type {AbortController | null} */
  let running = null;
  let last = "";
  /** @type {Map<string, any>} */
  const cache = new Map();

  const method = /** @type {HTMLSelectElement} */ (h("select", { "aria-label": "method" }, METHODS.map(([value, text]) => h("option", { value }, text))));
  const target = /** @type {HTMLSelectElement} */ (h("select", { "aria-label": "target" }));
  const scale = h("label", { class: "check" }, h("input", { type: "checkbox", onchange: () => { settings.own = !settings.own; draw(); } }), "each its own scale");
  const change = h("label", { class: "check" }, h("input", { type: "checkbox", onchange: () => { settings.change = !settings.change; draw(); } }), "difference to this epoch");
  const options = h("div", { class: "row" }, scale, change);
  const body = h("div", { class: "saliency-body", "aria-live": "polite" });
  replace(element, h("h3", null, "Saliency"), h("div", { class: "row" }, method, target), body, options);
  method.addEventListener("change", () => { settings.method = method.value; update(current, true); });
  target.addEventListener("change", () => { settings.target = target.value; update(current, true); });

  /** @type {any} */
  let current = null;
  /** @type {any} */
  let shown = null;
  /** The set whose mean was asked for: it takes a pass through the network for each sample, so nothing starts by itself. */
  let asked = "";

  /** @param {any} next {run, row, epoch, image, missing}, of a set rows and of how many they are in the place of row @param {boolean} [force] */
  async function update(next, force = false) {
    current = next;
    element.hidden = !next;
    if (!next) return;
    if (next.missing) {
      running?.abort();
      replace(body, h("p", { class: "empty" }, next.missing));
      method.hidden = target.hidden = options.hidden = true;
      return;
    }
    method.hidden = target.hidden = options.hidden = false;
    fillTargets(next.run);
    if (next.rows && asked !== `${next.run.slug}/${next.rows}`) {
      running?.abort();
      last = "";
      shown = null;
      options.hidden = true;
      replace(body, h("button", { type: "button", onclick: () => { asked = `${next.run.slug}/${next.rows}`; update(current); } }, `mean over ${next.rows.length < next.of ? `${next.rows.length} of these samples` : "these samples"}`));
      return;
    }
    const epochs = stripEpochs(next.run.epochs.filter((epoch) => !next.without?.includes(epoch)), next.epoch);
    const key = JSON.stringify([next.run.slug, next.run.key, next.row ?? next.rows, epochs, settings.method, settings.target]);
    if (key === last && !force) return draw();
    last = key;
    running?.abort();
    if (cache.has(key)) {
      shown = cache.get(key);
      return draw();
    }
    running = new AbortController();
    const { signal } = running;
    try {
      const request = { kind: "saliency", run: next.run.slug, ...(next.rows ? { rows: next.rows } : { row: next.row }), epochs, method: settings.method, target: numberOr(settings.target) };
      const job = await runJob(api, request, { signal, onprogress: (state) => !signal.aborted && replace(body, progress(state)) });
      const values = new Float32Array(await api.bytes(`jobs/${job.id}/result.bin`));
      if (signal.aborted) return;
      shown = { ...job.result, values, image: next.image, names: next.run.classes };
      cache.set(key, shown);
      if (cache.size > 64) cache.delete(cache.keys().next().value);
      draw();
    } catch (error) {
      if (signal.aborted) return;
      const cancelled = error instanceof DOMException && error.name === "AbortError";
      replace(body, h("p", { class: cancelled ? "empty" : "error", role: cancelled ? null : "alert" }, cancelled ? "Cancelled." : String(/** @type {Error} */ (error).message)),
        h("button", { type: "button", onclick: () => update(current, true) }, "Try again"));
      last = "";
    }
  }

  /** @param {any} job */
  function progress(job) {
    return h("div", { class: "progress" }, h("progress", { max: job.total || 1, value: job.total ? job.done : null }),
      h("span", null, progressText(job)), h("button", { type: "button", onclick: () => { running?.abort(); last = ""; replace(body, h("p", { class: "empty" }, "Cancelled."), h("button", { type: "button", onclick: () => update(current, true) }, "Try again")); } }, "Cancel"));
  }

  function draw() {
    if (!shown || !current) return;
    const size = shown.width * shown.height;
    const maps = shown.epochs.map((/** @type {number} */ _, /** @type {number} */ index) => shown.values.subarray(index * size, (index + 1) * size));
    const now = shown.epochs.indexOf(current.epoch);
    const differing = settings.change && now >= 0;
    const drawn = differing ? differences(maps, now) : maps;
    const common = differing ? Math.max(...drawn.map(largest)) : shown.limit;
    const tiles = shown.epochs.map((/** @type {number} */ epoch, /** @type {number} */ index) => {
      const map = drawn[index];
      const empty = map.every((/** @type {number} */ value) => value === 0);
      return h("button", { type: "button", class: `tile${epoch === current.epoch ? " now" : ""}`, onclick: () => onepoch(epoch), title: `go to epoch ${epoch}` },
        pixelImage(attributionColors(map, settings.own ? largest(map) : common, differing || Boolean(shown.signed)), shown.width, shown.height, differing ? `attribution at epoch ${epoch} less that at epoch ${current.epoch}` : `attribution at epoch ${epoch}`),
        h("span", null, `e${epoch}`), h("span", { class: "muted" }, empty ? (differing ? "the same" : "no attribution") : shown.names[shown.targets[index]] ?? ""));
    });
    replace(body, h("div", { class: "strip" }, current.image ? h("div", { class: "tile" }, h("img", { src: current.image, alt: "the sample" }), h("span", null, "input"), h("span", { class: "muted" }, " ")) : null, tiles),
      h("p", { class: "muted" }, current.rows ? `mean over ${shown.samples}${shown.samples < current.of ? ` of ${number(current.of)}` : ""} samples · ` : null, `${settings.own ? "each its own scale" : `one scale, full colour at ${number(common)}`}${differing ? `, orange more than at epoch ${current.epoch}, purple less` : shown.signed ? ", orange for, purple against" : ""} · ${number(shown.seconds, 2)} s`,
        shown.completeness !== null && shown.completeness !== undefined ? ` · completeness error ${number(Array.isArray(shown.completeness) ? Math.max(...shown.completeness.map(Math.abs)) : shown.completeness, 2)}` : ""),
      (shown.warnings ?? []).map((text) => h("p", { class: "honest" }, text)));
  }

  /** @param {any} run */
  function fillTargets(run) {
    if (target.dataset.run === run.slug) return;
    target.dataset.run = run.slug;
    replace(target, h("option", { value: "predicted" }, "predicted class"), run.has.labels ? h("option", { value: "label" }, "label") : null,
      run.classes.map((name, index) => h("option", { value: String(index) }, name)));
    target.value = settings.target;
  }

  return { update, stop: () => running?.abort() };
}

/** Each map less one of them. @param {Float32Array[]} maps @param {number} from */
export function differences(maps, from) {
  return maps.map((map) => map.map((value, at) => value - maps[from][at]));
}

/** @param {Float32Array} map */
function largest(map) {
  return map.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

/** @param {string} text */
function numberOr(text) {
  return /^\d+$/.test(text) ? Number(text) : text;
}

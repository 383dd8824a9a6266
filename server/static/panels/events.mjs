/** What happened to samples: how often at each epoch, by kind, and to whom at the epoch shown. */

import { counted, number } from "../chart_math.mjs";
import { h, replace, s } from "../dom.mjs";

const BARS_PX = 26;
/** What a search names too: its words stay in the link and follow no lasso. @type {Record<string, string>} */
const SEARCHED = { flip: "flipped", learned: "learned", forgotten: "forgotten", drift: "drift" };

/**
 * @param {HTMLElement} element
 * @param {{api: any, onepoch: (epoch: number) => void, onrow: (row: number) => void, onselect: (expression: string) => void, onmask: (mask: string, text: string) => void}} context
 *   onselect: by a search; onmask: the samples of a mask (base64)
 */
export function eventsPanel(element, { api, onepoch, onrow, onselect, onmask }) {
  let serial = 0;
  let chosen = "";
  /** @type {{key: string, data: any} | null} */
  let known = null;
  /** @type {any} */
  let current = null;

  /** @param {any} next {run, epoch} */
  async function update(next) {
    current = next;
    if (!next) return;
    const mine = ++serial;
    const { run, epoch, title } = next;
    try {
      if (known?.key !== `${run.slug}/${run.key}`) {
        if (!known) replace(element, h("p", { class: "empty", "aria-busy": "true" }, "Counting what happened at every epoch …"));
        const data = await api.run(run.slug, "events.json");
        if (mine !== serial) return;
        known = { key: `${run.slug}/${run.key}`, data };
      }
      const { data } = known;
      const at = data.epochs.indexOf(epoch);
      if (!data.kinds.length) {
        replace(element, h("p", { class: "empty" }, data.epochs.length < 2 ? "One epoch is recorded: nothing can have happened yet." : "Nothing happened to any sample in this run, or neither predictions nor labels were recorded."), notice(data));
        return;
      }
      const kind = data.kinds.find((/** @type {any} */ one) => one.kind === chosen) ?? busiest(data.kinds, at);
      const list = at < 0 || !kind.counts[at] ? { count: 0, events: [] } : await api.run(run.slug, `events/${kind.kind}/${epoch}.json`);
      if (mine !== serial) return;
      const top = element.querySelector(".event-list")?.scrollTop ?? 0;
      replace(element, h("div", { class: "event-view" },
        h("div", { class: "scroll" }, title ? h("strong", null, title) : null, h("table", { class: "event-kinds" }, h("caption", { class: "visually-hidden" }, "events of each kind over the epochs"),
          h("tbody", null, data.kinds.map((/** @type {any} */ one) => row(one, data.epochs, at, one === kind)))), notice(data)),
        h("div", { class: "scroll event-list" }, happened(kind, list, epoch))));
      if (kind.kind === chosen) /** @type {HTMLElement} */ (element.querySelector(".event-list")).scrollTop = top;
    } catch (error) {
      if (mine === serial) replace(element, h("p", { class: "error", role: "alert" }, String(/** @type {Error} */ (error).message)));
    }
  }

  /** @param {any} one @param {number[]} epochs @param {number} at @param {boolean} on */
  function row(one, epochs, at, on) {
    return h("tr", { class: on ? "chosen" : "" },
      h("th", { scope: "row" }, h("button", { type: "button", class: "link plain", "aria-pressed": String(on), title: one.text, onclick: () => { chosen = one.kind; update(current); } }, one.name)),
      h("td", { class: "bars-cell" }, bars(one, epochs, at)),
      h("td", { class: "value" }, at < 0 ? "–" : number(one.counts[at])));
  }

  /** @param {any} one @param {number[]} epochs @param {number} at */
  function bars(one, epochs, at) {
    const most = Math.max(1, ...one.counts);
    const picture = s("svg", { viewBox: `0 0 ${epochs.length} 100`, preserveAspectRatio: "none", width: "100%", height: BARS_PX, class: "chart", role: "img", "aria-label": `${one.name}: at most ${number(most)} at one epoch` });
    if (at >= 0) picture.append(s("rect", { x: at, y: 0, width: 1, height: 100, class: "event-now" }));
    one.counts.forEach((/** @type {number} */ count, /** @type {number} */ place) => {
      // A square root lets the few be seen beside the many of the first epochs.
      const height = 100 * Math.sqrt(count / most);
      const shape = s("g", { class: "clickable" }, s("rect", { x: place, y: 0, width: 1, height: 100, fill: "transparent" }), s("rect", { x: place + 0.08, y: 100 - height, width: 0.84, height, class: "event-bar" }), s("title", null, `epoch ${epochs[place]}: ${counted(count, "sample")}`));
      shape.addEventListener("click", () => { chosen = one.kind; onepoch(epochs[place]); });
      picture.append(shape);
    });
    return picture;
  }

  /** To whom it happened. @param {any} kind @param {any} list @param {number} epoch */
  function happened(kind, list, epoch) {
    const { run } = current;
    if (!list.count) return h("p", { class: "empty" }, `No sample ${kind.name} at epoch ${epoch}. A bar goes to its epoch.`);
    return [
      h("div", { class: "row" }, h("strong", null, `${kind.name} at epoch ${epoch}`), h("button", { type: "button", onclick: () => (SEARCHED[kind.kind] ? onselect(`${SEARCHED[kind.kind]}:${epoch}`) : onmask(list.mask, `${counted(list.count, "sample")}: ${kind.name} at epoch ${epoch}`)) }, list.count === 1 ? "select it" : `select all ${number(list.count)}`)),
      h("p", { class: "muted" }, kind.text),
      h("ul", { class: "disagreements" }, list.events.map((/** @type {any} */ one) => h("li", null, h("button", { type: "button", class: "disagreement", onclick: () => onrow(one.row) },
        run.has.images ? h("img", { src: api.image(run.slug, one.row), alt: "", loading: "lazy" }) : null, h("span", null, h("strong", null, `#${one.id}`), ` ${one.text}`))))),
      list.count > list.events.length ? h("p", { class: "muted" }, `and ${number(list.count - list.events.length)} more; select them to see all in the Images or Table view`) : null,
    ];
  }

  /** @param {any} data */
  function notice(data) {
    return data.missing ? h("p", { class: "muted" }, data.missing) : null;
  }

  return { update };
}

/** The kind to show first: the one that happened most at this epoch, else over all. @param {{counts: number[]}[]} kinds @param {number} at */
export function busiest(kinds, at) {
  const total = (/** @type {{counts: number[]}} */ one) => one.counts.reduce((sum, count) => sum + count, 0);
  return kinds.reduce((best, one) => ((one.counts[at] ?? 0) > (best.counts[at] ?? 0) || ((one.counts[at] ?? 0) === (best.counts[at] ?? 0) && total(one) > total(best)) ? one : best));
}

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
  /** What was counted, and the table of it: it is made once, since hundreds of epochs make thousands of bars. @type {{key: string, data: any, rows: ReturnType<typeof rowOf>[]} | null} */
  let known = null;
  /** What the list tells now. */
  let told = "";
  /** @type {any} */
  let current = null;
  const list = h("div", { class: "scroll event-list" });

  /** @param {any} next {run, epoch, title} */
  async function update(next) {
    current = next;
    if (!next) return;
    const mine = ++serial;
    const { run, epoch } = next;
    try {
      if (known?.key !== `${run.slug}/${run.key}`) {
        if (!known) replace(element, h("p", { class: "empty", "aria-busy": "true" }, "Counting what happened at every epoch …"));
        const data = await api.run(run.slug, "events.json");
        if (mine !== serial) return;
        lay(`${run.slug}/${run.key}`, data, next.title);
      }
      const { data, rows, key } = /** @type {NonNullable<typeof known>} */ (known);
      if (!rows.length) return;
      const at = data.epochs.indexOf(epoch);
      const kind = data.kinds.find((/** @type {any} */ one) => one.kind === chosen) ?? busiest(data.kinds, at);
      for (const row of rows) row.show(at, row.kind === kind.kind);
      const want = `${key}/${kind.kind}/${epoch}`;
      if (want === told) return;
      const found = at < 0 || !kind.counts[at] ? { count: 0, events: [] } : await api.run(run.slug, `events/${kind.kind}/${epoch}.json`);
      if (mine !== serial) return;
      told = want;
      replace(list, happened(kind, found, epoch));
    } catch (error) {
      if (mine !== serial) return;
      known = null;
      told = "";
      replace(element, h("p", { class: "error", role: "alert" }, String(/** @type {Error} */ (error).message)));
    }
  }

  /** @param {string} key @param {any} data @param {string | null} title */
  function lay(key, data, title) {
    told = "";
    const rows = data.kinds.map((/** @type {any} */ one) => rowOf(one, data.epochs, { onkind: () => { chosen = one.kind; update(current); }, onbar: (epoch) => { chosen = one.kind; if (epoch === current.epoch) update(current); else onepoch(epoch); } }));
    const table = h("table", { class: "event-kinds" }, h("caption", { class: "visually-hidden" }, "events of each kind over the epochs"), h("tbody", null, rows.map((/** @type {any} */ one) => one.element)));
    known = { key, data, rows };
    const notice = data.missing ? h("p", { class: "muted" }, data.missing) : null;
    if (rows.length) replace(element, h("div", { class: "event-view" }, h("div", { class: "scroll" }, title ? h("strong", null, title) : null, table, notice), list));
    else replace(element, h("p", { class: "empty" }, data.epochs.length < 2 ? "One epoch is recorded: nothing can have happened yet." : "Nothing happened to any sample in this run, or neither predictions nor labels were recorded."), notice);
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

  return { update };
}

/**
 * A kind with its bars over the epochs; `show` marks the epoch and whether its samples are listed.
 * @param {any} one @param {number[]} epochs
 * @param {{onkind: () => void, onbar: (epoch: number) => void}} context
 */
function rowOf(one, epochs, { onkind, onbar }) {
  const most = Math.max(1, ...one.counts);
  const now = s("rect", { x: -1, y: 0, width: 1, height: 100, class: "event-now" });
  const picture = s("svg", { viewBox: `0 0 ${epochs.length} 100`, preserveAspectRatio: "none", width: "100%", height: BARS_PX, class: "chart", role: "img", "aria-label": `${one.name}: at most ${number(most)} at one epoch` }, now);
  one.counts.forEach((/** @type {number} */ count, /** @type {number} */ place) => {
    // A square root lets the few be seen beside the many of the first epochs.
    const height = 100 * Math.sqrt(count / most);
    const shape = s("g", { class: "clickable" }, s("rect", { x: place, y: 0, width: 1, height: 100, fill: "transparent" }), s("rect", { x: place + 0.08, y: 100 - height, width: 0.84, height, class: "event-bar" }), s("title", null, `epoch ${epochs[place]}: ${counted(count, "sample")}`));
    shape.addEventListener("click", () => onbar(epochs[place]));
    picture.append(shape);
  });
  const button = h("button", { type: "button", class: "link plain", title: one.text, onclick: onkind }, one.name);
  const value = h("td", { class: "value" });
  const element = h("tr", null, h("th", { scope: "row" }, button), h("td", { class: "bars-cell" }, picture), value);
  const show = (/** @type {number} */ at, /** @type {boolean} */ on) => {
    now.setAttribute("x", String(at));
    value.textContent = at < 0 ? "–" : number(one.counts[at]);
    element.className = on ? "chosen" : "";
    button.setAttribute("aria-pressed", String(on));
  };
  return { kind: one.kind, element, show };
}

/** The kind to show first: the one that happened most at this epoch, else over all. @param {{counts: number[]}[]} kinds @param {number} at */
export function busiest(kinds, at) {
  const total = (/** @type {{counts: number[]}} */ one) => one.counts.reduce((sum, count) => sum + count, 0);
  return kinds.reduce((best, one) => ((one.counts[at] ?? 0) > (best.counts[at] ?? 0) || ((one.counts[at] ?? 0) === (best.counts[at] ?? 0) && total(one) > total(best)) ? one : best));
}

/** When each class was learned, first to last: its F1 over epochs, and the epoch from which it stays told apart. */

import { number } from "../chart_math.mjs";
import { curves } from "../charts.mjs";
import { h, replace } from "../dom.mjs";
import { quoted } from "../terms.mjs";

const SHOWN = 12;

/**
 * @param {HTMLElement} element
 * @param {{api: any, onepoch: (epoch: number) => void, onselect: (expression: string) => void}} context
 */
export function classesPanel(element, { api, onepoch, onselect }) {
  let serial = 0;
  let all = false;

  /** @param {any} next {runs, colors, epoch} or null */
  async function update(next) {
    const mine = ++serial;
    element.hidden = !next || !next.runs[0].has.labels || !next.runs[0].has.logits;
    if (element.hidden) return;
    const [run, other] = next.runs;
    try {
      const [own, theirs] = await Promise.all([api.run(run.slug, `classes.json${other ? `?other=${encodeURIComponent(other.slug)}` : ""}`), other ? api.run(other.slug, "classes.json") : null]);
      if (mine === serial) draw(next, own, theirs);
    } catch (error) {
      if (mine === serial) replace(element, h("p", { class: "error", role: "alert" }, String(/** @type {Error} */ (error).message)));
    }
  }

  /** @param {any} next @param {any} own @param {any} theirs */
  function draw(next, own, theirs) {
    const { runs: [run, other], colors, epoch } = next;
    if (own.missing) {
      replace(element, h("h3", null, "Classes"), h("p", { class: "empty" }, own.missing));
      return;
    }
    const inOther = new Map((theirs?.classes ?? []).map((/** @type {any} */ one) => [other.classes[one.class], one]));
    const at = run.epochs.indexOf(epoch);
    const rows = own.classes.slice(0, all ? undefined : SHOWN).map((/** @type {any} */ one) => {
      const name = run.classes[one.class];
      const partner = inOther.get(name);
      return h("tr", null,
        h("th", { scope: "row" }, h("button", { type: "button", class: "link plain", title: `select the samples of ${name}`, onclick: () => onselect(`label:${quoted(name)}`) }, h("span", { class: "dot", style: `background:${colors[one.class]}` }), name)),
        h("td", { class: "spark" }, curves({ epochs: run.epochs, epoch, label: `F1 of ${name}`, width: 90, height: 18, domain: [0, 1], onepoch, lines: [{ name, values: one.values, color: colors[one.class], strong: true }] })),
        h("td", null, number(one.values[at] ?? null, 2)),
        h("td", null, when(one, onepoch)), other ? h("td", null, partner ? when(partner) : "–") : null);
    });
    replace(element, h("h3", null, "Classes, as they were learned"),
      h("table", { class: "figures classes" }, h("thead", null, h("tr", null, h("td"), h("th", { scope: "col" }, "F1"), h("th", { scope: "col" }, `e${epoch}`), h("th", { scope: "col", title: `the epoch from which its F1 stays at ${own.threshold} or above for ${own.hold} epochs` }, other ? "A learned" : "learned"), other ? h("th", { scope: "col" }, "B") : null)), h("tbody", null, rows)),
      own.classes.length > SHOWN ? h("button", { type: "button", class: "link", onclick: () => { all = !all; draw(next, own, theirs); } }, all ? "fewer" : `all ${number(own.classes.length)} classes`) : null,
      own.agreement ? h("p", { class: "muted" }, own.agreement.tau === null ? "The orders of A and B cannot be compared: too many classes are learned at one epoch." : `Orders of A and B agree with τ ${number(own.agreement.tau, 2)} over ${number(own.agreement.count)} classes that both learn.`) : null);
  }

  return { update };
}

/** @param {any} one @param {(epoch: number) => void} [onepoch] */
function when(one, onepoch) {
  if (one.learned === null) return h("span", { class: "muted" }, "never");
  const text = `e${one.learned}${one.provisional ? "?" : ""}`;
  const title = one.provisional ? "the run ended before it could hold that long" : `learned at epoch ${one.learned}`;
  return onepoch ? h("button", { type: "button", class: "link", title, onclick: () => onepoch(one.learned) }, text) : h("span", { title }, text);
}

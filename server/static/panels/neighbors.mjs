/** Who a sample's neighbours are: in representation space and on the map, now and at the epoch before. */

import { counted } from "../chart_math.mjs";
import { h, replace } from "../dom.mjs";

const SHOWN = 8;

/**
 * @param {HTMLElement} element
 * @param {{api: any, onrow: (row: number) => void}} context
 */
export function neighborPanel(element, { api, onrow }) {
  let serial = 0;
  const body = h("div");
  const details = h("details", { open: true }, h("summary", null, h("h3", null, "Neighbours")), body);
  replace(element, details);

  /** @param {any} next {run, row, epoch, map} */
  async function update(next) {
    element.hidden = !next;
    if (!next) return;
    const mine = ++serial;
    try {
      const data = await api.run(next.run.slug, `neighbors/${next.map}/${next.epoch}.json?row=${next.row}&k=${SHOWN}`);
      if (mine !== serial) return;
      const both = new Set(data.kept ?? []);
      replace(body,
        h("p", { class: "muted" }, data.representation.rows.length === 0 ? "not recorded at this epoch" : `the map keeps ${both.size} of its ${counted(data.representation.rows.length, "nearest neighbour")}`,
          data.before && data.persisted !== null ? ` · ${data.persisted} were neighbours at epoch ${data.before.epoch}` : ""),
        line("nearest to the network", data.representation.rows, both, next),
        line("nearest on the map", data.map.rows, both, next),
        data.before ? line(`nearest to the network at epoch ${data.before.epoch}`, data.before.rows, new Set(data.representation.rows), next) : null);
    } catch (error) {
      if (mine === serial) replace(body, h("p", { class: "error", role: "alert" }, String(/** @type {Error} */ (error).message)));
    }
  }

  /** @param {string} name @param {number[]} rows @param {Set<number>} common @param {any} next */
  function line(name, rows, common, next) {
    return [h("h4", null, name), h("div", { class: "thumbs" }, rows.map((row) => h("button", {
      type: "button", class: `thumb${common.has(row) ? " common" : ""}`, onclick: () => onrow(row),
      title: common.has(row) ? "in both" : "only here", "aria-label": `sample in row ${row}${common.has(row) ? ", in both" : ""}`,
    }, next.run.has.images ? h("img", { src: api.image(next.run.slug, row), alt: "", loading: "lazy" }) : `#${row}`)))];
  }

  return { update };
}

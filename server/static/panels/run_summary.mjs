/** With nothing selected: where to look first, how far the map can be trusted, and what the run is. */

import { number } from "../chart_math.mjs";
import { curves } from "../charts.mjs";
import { h } from "../dom.mjs";

/**
 * @param {any} run  run.json
 * @param {any} findings  findings.json
 * @param {(finding: any) => void} onfinding
 * @returns {HTMLElement[]}
 */
export function findingsView(run, findings, onfinding) {
  return [
    h("h3", null, "Look here first"),
    findings.findings?.length
      ? h("ol", { class: "findings" }, findings.findings.map((/** @type {any} */ finding) => h("li", null,
        h("button", { type: "button", class: "finding", onclick: () => onfinding(finding) },
          h("strong", null, finding.title), finding.spark?.length > 1 ? h("span", { class: "spark" }, curves({
            epochs: finding.spark.map((/** @type {any} */ _, /** @type {number} */ index) => run.epochs[run.epochs.length - finding.spark.length + index]), epoch: finding.epoch ?? -1,
            label: finding.title, width: 96, height: 18, lines: [{ name: finding.title, values: finding.spark, color: "var(--accent)" }],
          })) : null, h("span", { class: "text" }, finding.text)))))
      : h("p", { class: "empty" }, findings.missing ?? "Nothing stands out in this run."),
  ];
}

/**
 * @param {any} run
 * @param {{epoch: number, map: any}} context
 * @returns {HTMLElement[]}
 */
export function aboutView(run, { epoch, map }) {
  return [
    ...mapFigures(map, epoch),
    h("h3", null, "The run"),
    table([
      ["samples", number(run.samples)], ["classes", number(run.classes.length)], ["epochs", number(run.epochs.length)],
      ["layer", run.layer], ["width", number(run.width)], ["data set", run.data_set], ["model", run.model], ...Object.entries(run.hyperparameters ?? {}),
      ...Object.entries(run.environment ?? {}),
    ]),
    run.disk ? h("p", { class: "muted" }, `${number(Object.values(run.disk).reduce((sum, bytes) => sum + bytes, 0) / 1e6)} MB on disk`) : null,
  ].filter((part) => part !== null);
}

const FIGURES = [
  ["neighbor_preservation", "true neighbours kept", "share of the 15 nearest neighbours that stay neighbours on the map"],
  ["ppr", "agrees with the model", "share of samples whose class is unchanged after map and back"],
  ["ppr_low_margin", "the same, where the model is unsure", "over the tenth of samples with the least margin"],
  ["tint_agreement", "ground agrees with the dots", "share of samples that stand on ground of their predicted class"],
  ["confidence_difference", "projection error", "mean change of the predicted class's probability after map and back"],
  ["trustworthiness", "trustworthiness", "penalty for false neighbours on the map; 1 is none"],
  ["boundary_on_map", "boundary where it should be", "share of boundary probes that lie near ground of both their classes"],
];

/** @param {any} map @param {number} epoch */
function mapFigures(map, epoch) {
  if (!map) return [];
  const at = map.epochs.indexOf(epoch);
  const rows = FIGURES.filter(([figure]) => map.quality?.[figure]).map(([figure, name, meaning]) =>
    h("tr", { title: meaning }, h("th", { scope: "row" }, name), h("td", null, number(map.quality[figure][at])), h("td", { class: "muted" }, number(map.overall?.[figure]))));
  const words = map.words?.[epoch] ?? [];
  return [
    h("h3", null, "How far to trust this map"),
    ...words.map((sentence) => h("p", { class: "honest" }, sentence)),
    h("table", { class: "figures" }, h("thead", null, h("tr", null, h("td"), h("th", { scope: "col" }, `epoch ${epoch}`), h("th", { scope: "col" }, "mean"))), h("tbody", null, rows)),
  ];
}

/** @param {[string, any][]} rows */
function table(rows) {
  return h("dl", { class: "columns" }, rows.filter(([, value]) => value !== null && value !== undefined && value !== "")
    .map(([name, value]) => [h("dt", null, name), h("dd", { title: String(value) }, typeof value === "number" ? number(value) : String(typeof value === "object" ? JSON.stringify(value) : value).slice(0, 80))]));
}

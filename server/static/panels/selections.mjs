/** Saved selections: a name for a set of samples that survives the page and the server. */

import { number } from "../chart_math.mjs";
import { h, replace } from "../dom.mjs";

/**
 * @param {HTMLElement} element
 * @param {{api: any, run: () => any, mask: () => string|null, expression: () => string, onchoose: (selection: any) => void}} context
 */
export function selectionsPanel(element, { api, run, mask, expression, onchoose }) {
  const name = /** @type {HTMLInputElement} */ (h("input", { type: "text", placeholder: "name of this selection", maxlength: 80, "aria-label": "name of this selection" }));
  const note = /** @type {HTMLInputElement} */ (h("input", { type: "text", placeholder: "note", maxlength: 300, "aria-label": "note" }));
  const message = h("p", { class: "muted", role: "status" });
  const list = h("ul", { class: "saved" });
  const form = h("form", { onsubmit: (event) => { event.preventDefault(); save(); } }, h("div", { class: "row" }, name, note, h("button", { type: "submit" }, "Save")));
  replace(element, form, message, list);

  async function update() {
    form.hidden = !mask();
    try {
      draw(await api.run(run().slug, "selections.json"));
    } catch (error) {
      say(error);
    }
  }

  async function save() {
    if (!name.value.trim()) { message.textContent = "Give it a name first."; name.focus(); return; }
    try {
      draw(await api.runPost(run().slug, "selections.json", { name: name.value.trim(), mask: mask(), expression: expression() || null, note: note.value.trim() || null }));
      name.value = note.value = "";
    } catch (error) {
      say(error);
    }
  }

  /** @param {any} data */
  function draw(data) {
    message.textContent = data.text ?? "";
    replace(list, data.selections.length === 0 ? h("li", { class: "empty" }, mask() ? "Nothing saved yet." : "Nothing saved yet. Select some samples, then give them a name here (S).") : data.selections.map((one) => h("li", null,
      h("button", { type: "button", class: "link", onclick: async () => onchoose(await api.run(run().slug, `selections.json?name=${encodeURIComponent(one.name)}`)) }, one.name),
      h("span", { class: "muted" }, ` ${number(one.count)}${one.note ? ` · ${one.note}` : ""}`),
      h("button", { type: "button", class: "quiet", "aria-label": `delete ${one.name}`, title: "delete", onclick: async () => draw(await api.remove(`data/${run().slug}/selections.json?name=${encodeURIComponent(one.name)}`)) }, "×"))));
  }

  /** @param {unknown} error */
  function say(error) {
    message.textContent = String(/** @type {Error} */ (error).message);
  }

  return { update, focus: () => name.focus() };
}

/** The search box: one small language, completed while typing; what it found becomes the selection. */

import { number } from "../chart_math.mjs";
import { h, replace } from "../dom.mjs";

const COMPLETE_DELAY_MS = 120;

const CHIPS = [
  ["learned here", (epoch) => `learned:${epoch}`], ["forgotten here", (epoch) => `forgotten:${epoch}`],
  ["flipped here", (epoch) => `flipped:${epoch}`], ["surprising errors", () => "became:wrong loss@-1<0.5"],
  ["wrong", () => "wrong"], ["never learned", () => "never_learned"], ["badly mapped", () => "unfaithful"],
];

/**
 * @param {HTMLElement} element
 * @param {{api: any, run: () => any, epoch: () => number, map: () => string, other: () => {other?: string, other_epoch?: number},
 *   selection: () => string, onresult: (expression: string, answer: any, epoch: number) => void, onclear: () => void}} context
 */
export function searchBox(element, { api, run, epoch, map, other, selection, onresult, onclear }) {
  const input = /** @type {HTMLInputElement} */ (h("input", {
    type: "search", id: "search-input", placeholder: "search: label:5 flipped:3..7 loss>2", autocomplete: "off", spellcheck: "false",
    role: "combobox", "aria-expanded": "false", "aria-controls": "search-list", "aria-label": "search samples", "aria-autocomplete": "list",
  }));
  const list = h("ul", { id: "search-list", role: "listbox", class: "completions", hidden: true });
  const message = h("div", { class: "search-message", role: "status" });
  const chips = h("div", { class: "chips", hidden: true });
  replace(element, h("form", { role: "search", onsubmit: (event) => { event.preventDefault(); submit(); } }, input), h("div", { class: "search-drop" }, chips, list, message));

  let timer = 0;
  let serial = 0;
  /** @type {any[]} */
  let items = [];
  let active = -1;
  /** Whether the box holds what somebody typed and nothing came of yet. */
  let typed = false;

  input.addEventListener("input", () => { typed = true; showChips(); clearTimeout(timer); timer = window.setTimeout(complete, COMPLETE_DELAY_MS); });
  input.addEventListener("focus", () => { showChips(); complete(); });
  input.addEventListener("blur", () => { close(); if (!input.value) show(); });
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      if (!items.length) return;
      event.preventDefault();
      active = (active + (event.key === "ArrowDown" ? 1 : items.length) + (active < 0 && event.key === "ArrowUp" ? 0 : 0)) % items.length;
      draw();
    } else if (event.key === "Tab" && items.length && !list.hidden) {
      event.preventDefault();
      accept(items[Math.max(0, active)]);
    } else if (event.key === "Enter" && active >= 0) {
      event.preventDefault();
      accept(items[active]);
    } else if (event.key === "Escape") {
      event.stopPropagation();
      typed = false;
      if (input.value) onclear();
      show();
      input.blur();
    }
  });

  async function complete() {
    const mine = ++serial;
    try {
      const query = new URLSearchParams({ text: input.value, at: String(input.selectionStart ?? input.value.length) });
      const answer = await api.run(run().slug, `complete.json?${query}`);
      if (mine !== serial || document.activeElement !== input) return;
      items = answer.items.slice(0, 9);
      active = -1;
      draw();
    } catch {
      if (mine !== serial) return;
      items = [];
      draw();
    }
  }

  function draw() {
    list.hidden = items.length === 0;
    input.setAttribute("aria-expanded", String(!list.hidden));
    replace(list, items.map((item, index) => h("li", {
      role: "option", id: `search-option-${index}`, "aria-selected": String(index === active), class: index === active ? "active" : "",
      onmousedown: (event) => { event.preventDefault(); accept(item); },
    }, h("span", null, item.label), item.count === null || item.count === undefined ? null : h("span", { class: "muted" }, number(item.count)))));
    if (active >= 0) input.setAttribute("aria-activedescendant", `search-option-${active}`);
    else input.removeAttribute("aria-activedescendant");
  }

  /** @param {any} item */
  function accept(item) {
    if (!item) return;
    const at = input.selectionStart ?? input.value.length;
    const head = input.value.slice(0, at).replace(/[^\s()]*$/, "");
    const before = item.replaces !== undefined ? input.value.slice(0, item.replaces) : head;
    input.value = before + item.insert + input.value.slice(at);
    const place = before.length + item.insert.length;
    input.setSelectionRange(place, place);
    complete();
  }

  async function submit() {
    const text = input.value.trim();
    const at = epoch();
    close();
    typed = false;
    if (!text) { message.textContent = ""; onclear(); return; }
    try {
      const answer = await api.runPost(run().slug, "query", { query: text, epoch: at, map: map(), ...other() });
      typed ||= answer.count === 0;
      onresult(text, answer, at);
      replace(message, answer.count === 0 ? "no sample fits" : null);
      input.removeAttribute("aria-invalid");
    } catch (error) {
      typed = true;
      const known = /** @type {any} */ (error);
      input.setAttribute("aria-invalid", "true");
      if (typeof known.position === "number") input.setSelectionRange(known.position, input.value.length);
      replace(message, h("span", { class: "error" }, known.message), known.suggestion ? h("button", { type: "button", class: "link", onclick: () => { input.value = known.suggestion; submit(); } }, `try ${known.suggestion}`) : null);
    }
  }

  function showChips() {
    chips.hidden = input.value.trim() !== "";
    if (chips.hidden) return;
    replace(chips, CHIPS.map(([name, query]) => h("button", { type: "button", class: "chip", onmousedown: (event) => { event.preventDefault(); search(/** @type {any} */ (query)(epoch())); } }, /** @type {string} */ (name))));
  }

  function close() {
    clearTimeout(timer);
    serial++; // completions that are on their way do not open it again
    active = -1;
    list.hidden = chips.hidden = true;
    input.setAttribute("aria-expanded", "false");
  }

  /** Fills the box and searches. @param {string} text */
  function search(text) {
    input.value = text;
    return submit();
  }

  /** Shows what made the selection, unless somebody is typing. */
  function show() {
    if (typed && document.activeElement === input) return;
    typed = false;
    if (input.value !== selection()) input.value = selection();
    input.removeAttribute("aria-invalid");
    replace(message);
  }

  return { search, show, focus: () => input.focus() };
}

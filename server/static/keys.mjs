/** The keyboard: every key has a button too; none acts while somebody types. */

import { h, replace } from "./dom.mjs";

export const KEYS = [
  ["← →", "epoch before, after"], ["Shift ← →", "ten epochs"], ["Home End", "first, last"], [", .", "previous, next interesting epoch"],
  ["Space", "play, pause"], ["[ ]", "slower, faster"], ["g", "type an epoch"], ["M", "mark an interval (start, end)"],
  ["L B V", "lasso, box, pan"], ["+ − 0", "zoom in, out, whole map"], ["F", "fit the dots of this epoch"], ["{ }", "smaller, larger dots"], ["/", "search"], ["Esc", "leave the tool, the interval, then clear the selection"],
  ["A I", "select all, invert"], ["Ctrl Z, Ctrl Shift Z", "undo, redo"], ["S", "save the selection"], ["T R N D", "trails, regions, neighbours, density"],
  ["C", "colour"], ["P", "keep the sample pinned, or let it go"], ["O", "show only the selection"], ["1 to 9", "views beside the map"], ["X", "swap A and B"], ["\\ |", "inspector, curves"], ["?", "this list"], ["Tab, arrows in the map", "walk the samples"],
];

/**
 * @param {any} page
 * @param {HTMLDialogElement} dialog
 */
export function bindKeys(page, dialog) {
  replace(dialog, h("form", { method: "dialog" }, h("h2", null, "Keys"), h("dl", null, KEYS.map(([key, text]) => [h("dt", null, key), h("dd", null, text)])), h("button", { type: "submit" }, "Close")));
  document.addEventListener("keydown", (event) => {
    if (typing(event.target) || dialog.open) return;
    const action = actionOf(event, page);
    if (!action) return;
    event.preventDefault();
    action();
  });
}

/** @param {EventTarget | null} target */
export function typing(target) {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || target instanceof HTMLSelectElement || target instanceof HTMLTextAreaElement
    || (target instanceof HTMLInputElement && !["range", "checkbox", "button"].includes(target.type));
}

/** @param {KeyboardEvent} event @param {any} page @returns {(() => void) | null} */
function actionOf(event, page) {
  const { key, shiftKey, ctrlKey, metaKey, altKey } = event;
  if (ctrlKey || metaKey) {
    if (key.toLowerCase() === "z") return () => (shiftKey ? page.store.redo() : page.store.undo());
    return null;
  }
  if (altKey) return null;
  const onButton = event.target instanceof HTMLElement && ["BUTTON", "SUMMARY", "A"].includes(event.target.tagName);
  const inMap = event.target instanceof HTMLElement && event.target.classList.contains("map-stage");
  if (inMap && page.selecting.walking() && key.startsWith("Arrow") && !shiftKey) return () => page.selecting.walk(key);
  /** @type {Record<string, () => void>} */
  const actions = {
    ArrowLeft: () => page.timeline.step(shiftKey ? -10 : -1), ArrowRight: () => page.timeline.step(shiftKey ? 10 : 1),
    Home: () => page.goStop(0), End: () => page.goStop(Infinity), ",": () => page.timeline.interesting(-1), ".": () => page.timeline.interesting(1),
    "[": () => page.timeline.faster(-1), "]": () => page.timeline.faster(1), "{": () => page.growDots(-1), "}": () => page.growDots(1), g: () => page.timeline.jump.select(), m: () => page.timeline.markInterval(),
    l: () => page.tool("lasso"), b: () => page.tool("box"), v: () => page.tool("pan"), "+": () => page.looking.zoom(0.8), "=": () => page.looking.zoom(0.8), "-": () => page.looking.zoom(1.25), 0: () => page.looking.resetCamera(), f: () => page.looking.fitEpoch(),
    "/": () => page.search.focus(), Escape: () => page.escape(), a: () => page.selecting.all(), i: () => page.selecting.invert(), s: () => page.openView("saved"),
    t: () => page.toggleLayer("trails"), r: () => page.toggleLayer("regions"), n: () => page.toggleLayer("neighbors"), d: () => page.toggleLayer("density"),
    c: () => page.colorMenu.focus(), p: () => page.selecting.togglePin(), o: () => page.selecting.toggleOnly(), x: () => page.swap(), "\\": () => page.fold("inspector"), "|": () => page.fold("timeline"), "?": () => page.showKeys(),
  };
  if (key === " " && !onButton) return () => page.timeline.toggle();
  if (/^[1-9]$/.test(key)) return () => page.openViewNumber(Number(key));
  return actions[key.length === 1 ? key.toLowerCase() : key] ?? null;
}

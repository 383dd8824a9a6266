/** The page's address and the server's copy of its state: what a link, the back button and Python see. */

import { countOf, fromBase64, maskOf, rowsOf, toBase64 } from "./masks.mjs";
import { fromQuery, toQuery, unknownArguments } from "./state.mjs";
import { nearestEpoch } from "./timeline.mjs";

const ADDRESS_MS = 150;
const TELL_MS = 250;
const IDS_AT_MOST = 100;

export class Address {
  /** @param {any} page */
  constructor(page) {
    this.page = page;
    this.unknown = unknownArguments(location.search);
    /** Nothing is written before the first address was read. */
    this.restoring = true;
    this.pushNext = false;
    this.timer = 0;
    this.tellTimer = 0;
    /** The mask that the server holds, and its key. @type {{mask: Uint8Array | null, key: string}} */
    this.stored = { mask: null, key: "" };
    window.addEventListener("popstate", () => this.restore());
  }

  /** Writes the state into the address; `push` makes a step for the back button. @param {boolean} push */
  write(push) {
    if (this.restoring) return;
    this.pushNext ||= push;
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => {
      const text = `?${toQuery(this.linkState(), this.unknown)}`;
      if (text === location.search) return;
      history[this.pushNext ? "pushState" : "replaceState"](null, "", text);
      this.pushNext = false;
    }, ADDRESS_MS);
  }

  /** Other runs, the rest of the view as it is. @param {string[]} runs */
  open(runs) {
    location.search = toQuery({ ...this.linkState(), runs, camera: null, linked: true, map: "", view: "" }, this.unknown).toString();
  }

  /** The state as a link keeps it: a selection without expression by its ids, or by a stored mask. */
  linkState() {
    const { page } = this;
    const state = page.store.get();
    if (!state.mask || state.selection) return state;
    const rows = rowsOf(state.mask);
    return { ...state, selection: rows.length <= IDS_AT_MOST ? `ids:${rows.map((row) => page.ids[row]).join(",")}` : this.stored.mask === state.mask ? `mask:${this.stored.key}` : "" };
  }

  /** Tells the server, after things have settled, so that Python sees the same page. */
  tell() {
    clearTimeout(this.tellTimer);
    this.tellTimer = window.setTimeout(async () => {
      const { page, stored } = this;
      const state = page.store.get();
      try {
        if (state.mask && stored.mask !== state.mask) {
          const answer = await page.api.runPost(page.run.slug, "mask.json", { mask: toBase64(state.mask), keep: countOf(state.mask) > IDS_AT_MOST && !state.selection });
          this.stored = { mask: state.mask, key: answer.key };
          this.write(false);
        }
      } catch {
        return; // the server is away; the state is pushed again when it is back
      }
      page.shared?.setv?.({
        epoch: state.epoch, map: page.mapOf()?.name ?? "", color: state.color, layers: [...state.layers], selection: state.selection,
        selection_key: state.mask ? this.stored.key : "", selection_count: countOf(state.mask), pins: state.pin === null ? [] : [state.pin],
      });
    }, TELL_MS);
  }

  /** What the address asks for becomes the state. */
  async restore() {
    const { page } = this;
    this.restoring = true;
    try {
      const asked = fromQuery(location.search);
      const patch = { ...asked };
      /** @type {string[]} what of the link could not be had, said together */
      const notes = [];
      if (asked.epoch !== undefined) {
        const { epoch, text } = nearestEpoch(page.run.epochs, asked.epoch);
        patch.epoch = epoch;
        if (text) notes.push(text);
      }
      patch.pin = asked.pin ?? null;
      if (patch.pin !== null && !page.rowById.has(String(patch.pin))) {
        notes.push(`the link pins sample ${patch.pin}, which this run does not have`);
        patch.pin = null;
      }
      patch.onlySelected = asked.onlySelected ?? false;
      patch.view = asked.view ?? "";
      patch.mask = asked.selection ? await this.maskOf(asked.selection, patch.epoch ?? page.store.get().epoch, (text) => notes.push(text)) : null;
      patch.selection = asked.selection && patch.mask && !/^(ids|mask):/.test(asked.selection) ? asked.selection : "";
      delete patch.runs;
      delete patch.linked;
      delete patch.cameraB;
      await page.together.load(patch.join);
      page.store.set(patch, { undo: false });
      if (asked.linked === false && page.views[1]) page.together.link(false, asked.cameraB);
      if (asked.camera) page.views[0]?.look(asked.camera);
      if (notes.length) page.say(notes.join(" · "));
    } finally {
      this.restoring = false;
    }
  }

  /** @param {string} text @param {number} epoch @param {(text: string) => void} [trouble] */
  async maskOf(text, epoch, trouble = (words) => this.page.say(words)) {
    const { page } = this;
    try {
      if (text.startsWith("mask:")) {
        const mask = new Uint8Array(await page.api.bytes(`data/${page.run.slug}/mask/${text.slice(5)}.bin`));
        this.stored = { mask, key: text.slice(5) };
        return mask;
      }
      if (text.startsWith("ids:")) {
        const rows = text.slice(4).split(",").map((id) => page.rowById.get(id)).filter((row) => row !== undefined);
        return rows.length ? maskOf(rows, page.run.samples) : null;
      }
      const answer = await page.api.runPost(page.run.slug, "query", { query: text, epoch, map: page.mapOf()?.name, ...(page.runs[1] ? { other: page.runs[1].slug } : {}) });
      page.search?.setText(text);
      return answer.count ? fromBase64(answer.mask) : null;
    } catch (error) {
      trouble(`the link's selection could not be made: ${/** @type {Error} */ (error).message}`);
      return null;
    }
  }
}

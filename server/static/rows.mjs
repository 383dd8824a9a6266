/** Which sample is which: ids of the rows of either run, and the rows that are one sample in both. */

export class Rows {
  /** @param {any} page */
  constructor(page) {
    this.page = page;
    /** @type {ArrayLike<number | bigint>} of the first run */
    this.ids = [];
    /** @type {ArrayLike<number | bigint>} of the second */
    this.idsOfSecond = [];
    /** @type {Map<number, number>} */
    this.second = new Map();
    /** @type {Map<number, number>} */
    this.first = new Map();
    /** Made when first asked for, since a million of them take a second. @type {Map<string, number> | null} */
    this.byId = null;
  }

  async load() {
    const { api, runs } = this.page;
    this.ids = await api.column(runs[0], "id", null);
    this.byId = null;
    if (runs.length < 2) return;
    const pairs = new Int32Array(await api.bytes(`compare/${runs[0].slug}/${runs[1].slug}/join.bin`));
    for (let i = 0; i < pairs.length; i += 2) {
      this.second.set(pairs[i], pairs[i + 1]);
      this.first.set(pairs[i + 1], pairs[i]);
    }
    this.idsOfSecond = await api.column(runs[1], "id", null);
  }

  /** Id of a row of the first run: a number, as text where a number would round it. @param {number} row @returns {number | string} */
  id(row) {
    return idOf(String(this.ids[row]));
  }

  /** Row of the first run, -1 where it does not have the sample. @param {number | string} id */
  of(id) {
    if (!this.byId) {
      this.byId = new Map();
      for (let row = 0; row < this.ids.length; row++) this.byId.set(String(this.ids[row]), row);
    }
    return this.byId.get(String(id)) ?? -1;
  }

  /** Row of a view's run, -1 where it does not have the sample. @param {any} view @param {number | string} id */
  inView(view, id) {
    const row = this.of(id);
    return view.side === "a" ? row : this.inSecond(row);
  }

  /** Row of the second run for one of the first, -1 without one. @param {number} row */
  inSecond(row) {
    return this.second.get(row) ?? -1;
  }

  /** Row of the first run for one of a view's run, -1 without one. @param {any} view @param {number} row */
  inFirst(view, row) {
    return view.side === "a" ? row : this.first.get(row) ?? -1;
  }

  /** Id of a view's row. @param {any} view @param {number} row */
  idIn(view, row) {
    return (view.side === "a" ? this.ids : this.idsOfSecond)[row];
  }
}

/** An id as the state and a link keep it. @param {string} text */
export function idOf(text) {
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : text;
}

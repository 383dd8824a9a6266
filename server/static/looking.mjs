/** Where the maps are looked at from: zoom, the whole map, the dots of one epoch, and what links remember of it. */

/** Share of the view that an epoch's dots fill, below and above which the page says how to fit them. */
const SMALL_SHARE = 0.5;
const OVERFLOW = 1.1;

export class Looking {
  /** @param {any} page */
  constructor(page) {
    this.page = page;
    this.toldOfView = false;
    /** Epochs whose dots were compared with the view. @type {Set<number>} */
    this.viewed = new Set();
    this.cameraTimer = 0;
  }

  /** @param {number} factor */
  zoom(factor) {
    this.page.views[0]?.zoom(factor);
  }

  resetCamera() {
    this.page.store.set({ camera: null, cameraB: null });
    for (const view of this.page.views) {
      if (view.leads) view.look(view.fitted());
    }
  }

  /** Looks at the dots of this epoch alone: a map that drew together is small in the view of all epochs. */
  fitEpoch() {
    const leader = this.page.views[0];
    const camera = leader?.fittedNow();
    if (!camera) return;
    leader.look(camera);
    this.cameraChanged(leader);
  }

  /** Says once that the view of all epochs does not suit this one. */
  tellOfView() {
    const [view] = this.page.views;
    if (this.toldOfView || this.page.store.get().camera || !(view?.map?.view_is_cut || !this.page.ready) || this.viewed.has(view.epoch)) return;
    this.viewed.add(view.epoch); // to look takes a sort of all places
    const share = (view.fittedNow()?.[2] ?? NaN) / view.fitted()[2];
    const text = share < SMALL_SHARE ? "the dots of this epoch fill a small part of the view of all epochs; F fits them"
      : share > OVERFLOW ? "this epoch is wider than the others: some dots lie outside the view; F fits them" : "";
    if (text) this.page.say(text, { until: "epoch" });
    this.toldOfView = text !== "";
  }

  /** @param {any} view whose camera moved */
  cameraChanged(view) {
    const name = view.side === "b" && !this.page.store.get().linked ? "cameraB" : "camera";
    const camera = view.camera();
    clearTimeout(this.cameraTimer);
    this.cameraTimer = setTimeout(() => this.page.store.set({ [name]: camera }), 200);
    for (const one of this.page.views) one.paintSoon();
  }
}

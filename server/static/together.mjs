/** How two runs stand side by side: which epoch of the second belongs to one of the first, and their cameras. */

export class Together {
  /** @param {any} page */
  constructor(page) {
    this.page = page;
    /** @type {{a: number, b: number}[] | null} */
    this.byAccuracy = null;
  }

  /** The epoch of the second run that is shown beside an epoch of the first. @param {number} epoch */
  epochOfSecond(epoch) {
    return this.page.store.get().join === "accuracy" && this.byAccuracy?.length ? partner(this.byAccuracy, epoch) : epoch;
  }

  /** What a way to join needs. @param {string | undefined} join */
  async load(join) {
    const { runs, api } = this.page;
    if (join !== "accuracy" || runs.length < 2 || this.byAccuracy) return;
    const answer = await api.get(`compare/${runs[0].slug}/${runs[1].slug}/agreement.json`);
    this.byAccuracy = answer.by_accuracy ?? [];
  }

  /** @param {string} join epoch or accuracy */
  async join(join) {
    const { page } = this;
    try {
      await this.load(join);
      if (join === "accuracy" && !this.byAccuracy?.length) page.say("the runs reach no accuracy in common; they stay together by epoch");
      else page.store.set({ join });
    } catch (error) {
      page.report(error);
    }
  }

  /** Gives the second map a camera of its own, or back that of the first. @param {boolean} linked */
  link(linked) {
    const { page } = this;
    const [first, second] = page.views;
    page.store.set({ linked });
    const doc = second?.figure.document;
    if (!doc) return;
    const camera = second.camera();
    const prefix = linked ? "map" : "map-b";
    second.figure.setv({ x_range: doc.get_model_by_name(`${prefix}-x`), y_range: doc.get_model_by_name(`${prefix}-y`) });
    second.follow();
    if (linked) {
      second.ownCamera = null;
      first.look(first.wanted());
    } else second.look(camera);
    second.paint();
  }
}

/**
 * The epoch of B beside one of A: that of the last stop which A has reached, else of the first.
 * @param {{a: number, b: number}[]} stops in rising order of a
 * @param {number} epoch
 */
export function partner(stops, epoch) {
  return (stops.findLast((stop) => stop.a <= epoch) ?? stops[0]).b;
}

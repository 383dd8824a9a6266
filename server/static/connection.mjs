/** The server's side of the page: what Python asks for, runs that grow, a server that goes and comes back. */

const RETRY_MS = 3000;
const LOOK_MS = 15_000;
const STATUS_MS = 1000;

export class Connection {
  /** @param {any} page */
  constructor(page) {
    this.page = page;
  }

  /** Listens to the state that Python shares. @param {any} shared */
  listen(shared) {
    shared?.properties.command.change.connect(() => this.obey(shared.command));
    shared?.properties.live.change.connect(() => this.grown(shared.live).catch((error) => this.page.report(error)));
  }

  /** After a lost connection Bokeh puts new figures in the place of the old ones: the maps go over to them. */
  renew() {
    const { page } = this;
    const doc = window.Bokeh?.documents?.find((/** @type {any} */ one) => one.get_model_by_name("state"));
    const shared = doc?.get_model_by_name("state");
    const figures = page.views.map((/** @type {any} */ view) => doc?.get_model_by_name(`map-${view.side}`));
    if (!shared || shared === page.shared || !page.views.length || figures.some((/** @type {any} */ figure) => !figure || !window.Bokeh.index.find_one(figure))) return;
    page.shared = shared;
    page.views.forEach((/** @type {any} */ view, /** @type {number} */ at) => view.bind(figures[at]));
    if (page.views[1] && !page.store.get().linked) page.together.link(false, page.store.get().cameraB);
    for (const view of page.views) if (view.leads) view.look(view.wanted());
    page.tool(page.activeTool);
    this.listen(shared);
    page.address.tell();
  }

  /** What Python asks for; where a page that opens was asked for something by its address, that stands. @param {string} text @param {any} [asked] */
  async obey(text, asked = {}) {
    const { page } = this;
    const wish = JSON.parse(text || "{}");
    if (!wish.n) return;
    if (wish.epoch !== undefined && asked.epoch === undefined) page.go(wish.epoch);
    if (asked.selection) return;
    if (wish.selection) page.search.search(wish.selection);
    else if (wish.selection_key !== undefined) page.selecting.set(wish.selection_key ? await page.address.maskOf(`mask:${wish.selection_key}`, page.store.get().epoch) : null);
  }

  /** A run that is being recorded has grown. @param {any} live */
  async grown(live) {
    const { page } = this;
    for (const [index, run] of page.runs.entries()) {
      const key = live instanceof Map ? live.get(run.slug) : live[run.slug];
      if (!key || key === run.key) continue;
      const { accuracy, flips, learned, forgotten, interesting } = run; // until those of the grown run are here
      const fresh = { accuracy, flips, learned, forgotten, interesting, ...(await page.api.run(run.slug, "run.json")) };
      fresh.maps = fresh.maps.map((/** @type {any} */ map) => ({ ...run.maps.find((/** @type {any} */ old) => old.name === map.name), ...map }));
      if (fresh.samples !== run.samples || (fresh.maps.length && !run.maps.length)) {
        // Rows of the page are rows of the run: with new samples, or a first map, everything is laid out again.
        location.reload();
        return;
      }
      this.take(index, run, fresh);
      page.learn(fresh);
    }
  }

  /** @param {number} index @param {any} run @param {any} fresh */
  take(index, run, fresh) {
    const { page } = this;
    const added = fresh.epochs.length - run.epochs.length;
    const wasLast = page.store.get().epoch === run.epochs.at(-1);
    page.runs[index] = fresh;
    page.api.runs.set(fresh.slug, fresh);
    const view = page.views[index];
    if (view) {
      view.run = fresh;
      view.map = page.mapOf(fresh);
    }
    if (page.shading.ofPair()) for (const one of page.views) one.recolor().then(() => one.paint(), (/** @type {any} */ error) => page.report(error));
    // The map may have come to an epoch that the page was waiting at.
    if (view && page.epochOf(view) !== view.epoch && added <= 0) view.go(page.epochOf(view)).catch((/** @type {any} */ error) => page.report(error));
    if (index > 0) {
      page.timeline.setRun(page.run);
      page.words.figures();
      return;
    }
    page.timeline.setRun(fresh);
    if (added > 0) {
      const behind = fresh.epochs.length - (page.mapOf()?.epochs.length ?? 0);
      page.say(`${added} new ${added === 1 ? "epoch" : "epochs"}${behind > 0 && page.mapOf() ? `; the map reaches epoch ${page.mapOf().epochs.at(-1)}` : ""}`);
    }
    if (wasLast && added > 0) page.goStop(Infinity);
    page.words.figures();
  }

  /** Watches whether the server is there, and says so. */
  watch() {
    const { page } = this;
    const { api } = page;
    const banner = /** @type {HTMLElement} */ (document.getElementById("banner"));
    let tries = 0;
    api.onlineListeners.add((/** @type {boolean} */ online) => {
      banner.hidden = online;
      document.body.classList.toggle("offline", !online);
      if (online) {
        page.say("the server is back");
        tries = 0;
        page.address.tell();
        this.catchUp();
        return;
      }
      const again = () => {
        if (api.online) return;
        banner.textContent = `The server cannot be reached, trying again (${++tries}). Epochs that were seen stay here.`;
        api.get("runs.json").catch(() => setTimeout(again, RETRY_MS));
      };
      again();
    });
    // Bokeh's socket notices at once that the server is gone, the next look would take seconds.
    window.Bokeh?.documents?.[0]?.on_event("connection_lost", () => api.get("runs.json").catch(() => undefined));
    setInterval(() => { if (document.visibilityState === "visible") api.get("runs.json").catch(() => undefined); }, LOOK_MS);
    setInterval(() => this.status(), STATUS_MS);
  }

  /** What could not be fetched while the server was away is fetched now. */
  catchUp() {
    const { page } = this;
    for (const view of page.views) view.go(page.epochOf(view), { tween: false }).then(() => { page.refreshLegend(); page.words.figures(); }, () => undefined);
    for (const refresh of page.refreshers) refresh();
  }

  status() {
    const { page } = this;
    const status = document.getElementById("status");
    const { lastChangeMs } = page.views[0] ?? {};
    this.renew();
    const map = page.mapOf();
    const behind = map ? page.run.epochs.length - map.epochs.length : 0;
    const parts = [
      page.run.recording ? "recording" : "", behind > 0 ? `map up to epoch ${map.epochs.at(-1)}` : "",
      page.api.online ? (Number.isFinite(lastChangeMs) ? `ready · ${Math.round(lastChangeMs)} ms` : "ready") : "not connected",
    ];
    if (status) status.textContent = parts.filter(Boolean).join(" · ");
  }
}

/** Everything that comes from the server, by addresses relative to the page. Blobs are kept by content key. */

const CACHE_BYTES = 96 * 2 ** 20;

/** An answer that says what was wrong. */
export class ApiError extends Error {
  /** @param {any} body @param {number} status */
  constructor(body, status) {
    const error = body?.error ?? {};
    super([error.message ?? `the server answered ${status}`, error.do].filter(Boolean).join(" – "));
    this.status = status;
    this.position = error.position;
    this.suggestion = error.suggestion;
  }
}

export class Api {
  constructor() {
    /** @type {Map<string, {bytes: number, promise: Promise<any>, value?: any}>} */
    this.cache = new Map();
    this.cacheBytes = 0;
    /** @type {Map<string, any>} run.json by slug */
    this.runs = new Map();
    this.online = true;
    /** @type {Set<(online: boolean) => void>} */
    this.onlineListeners = new Set();
  }

  /** @param {string} path @param {RequestInit} [options] */
  async request(path, options) {
    let response;
    try {
      response = await fetch(path, { credentials: "same-origin", ...options });
    } catch {
      this.#setOnline(false);
      throw new ApiError({ error: { message: "the server cannot be reached" } }, 0);
    }
    this.#setOnline(true);
    if (!response.ok) throw new ApiError(await response.json().catch(() => null), response.status);
    return response;
  }

  /** @param {boolean} online */
  #setOnline(online) {
    if (online === this.online) return;
    this.online = online;
    for (const listener of this.onlineListeners) listener(online);
  }

  /** @param {string} path */
  async get(path) {
    return (await this.request(path)).json();
  }

  /** @param {string} path @param {any} body */
  async post(path, body) {
    return (await this.request(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) })).json();
  }

  /** @param {string} path */
  async remove(path) {
    return (await this.request(path, { method: "DELETE" })).json();
  }

  /** @param {string} path */
  async bytes(path) {
    return (await this.request(path)).arrayBuffer();
  }

  /** @param {string} slug @param {string} path */
  run(slug, path) {
    return this.get(`data/${slug}/${path}`);
  }

  /** @param {string} slug @param {string} path @param {any} body */
  runPost(slug, path, body) {
    return this.post(`data/${slug}/${path}`, body);
  }

  /** @param {string} slug @param {number} row */
  image(slug, row) {
    return `data/${slug}/image/${row}.png?k=${this.runs.get(slug)?.epoch_key ?? ""}`;
  }

  /** Fetches a file and saves it. @param {string} path @param {any} body @param {string} name */
  async download(path, body, name) {
    const response = await this.request(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await response.blob());
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }

  /**
   * A blob by address, kept and shared; `make` turns the answer into what is used.
   * @param {string} path
   * @param {(buffer: ArrayBuffer, headers: Headers) => any} make
   */
  blob(path, make) {
    const known = this.cache.get(path);
    if (known) {
      this.cache.delete(path);
      this.cache.set(path, known);
      return known.promise;
    }
    const entry = { bytes: 0, promise: /** @type {Promise<any>} */ (Promise.resolve()), value: undefined };
    entry.promise = this.request(path).then(async (response) => {
      const buffer = await response.arrayBuffer();
      entry.bytes = buffer.byteLength;
      this.cacheBytes += entry.bytes;
      entry.value = make(buffer, response.headers);
      this.#shrink();
      return entry.value;
    }).catch((error) => {
      this.cache.delete(path);
      throw error;
    });
    this.cache.set(path, entry);
    return entry.promise;
  }

  /** What is in the cache now, else undefined. @param {string} path */
  peek(path) {
    return this.cache.get(path)?.value;
  }

  #shrink() {
    for (const [path, entry] of this.cache) {
      if (this.cacheBytes <= CACHE_BYTES || this.cache.size <= 4) return;
      if (entry.value === undefined) continue;
      this.cache.delete(path);
      this.cacheBytes -= entry.bytes;
    }
  }

  // -- addresses of blobs

  /** @param {any} run @param {any} map @param {number} epoch */
  positionsPath(run, map, epoch) {
    return `data/${run.slug}/positions/${encodeURIComponent(map.name)}/${epoch}.u16?k=${map.key}`;
  }

  /** @param {any} run @param {any} map @param {number} epoch @returns {Promise<Uint16Array>} */
  positions(run, map, epoch) {
    return this.blob(this.positionsPath(run, map, epoch), (buffer) => new Uint16Array(buffer));
  }

  /** @param {any} run @param {any} map @param {number} epoch */
  regionsPath(run, map, epoch) {
    return `data/${run.slug}/regions/${encodeURIComponent(map.name)}/${epoch}.bin?k=${map.key}`;
  }

  /** @param {any} run @param {any} map @param {number} epoch @param {(buffer: ArrayBuffer, resolution: number) => any} decode */
  regions(run, map, epoch, decode) {
    return this.blob(this.regionsPath(run, map, epoch), (buffer, headers) => decode(buffer, Number(headers.get("X-Resolution"))));
  }

  /** @param {any} run @param {any} map @param {number} epoch */
  boundary(run, map, epoch) {
    return this.blob(`data/${run.slug}/boundary/${encodeURIComponent(map.name)}/${epoch}.json?k=${map.key}`, (buffer) => JSON.parse(new TextDecoder().decode(buffer)));
  }

  /**
   * A column of a run as a typed array.
   * @param {any} run
   * @param {string} name
   * @param {number | null} epoch  null for what does not change
   */
  column(run, name, epoch) {
    const info = run.columns.find((/** @type {any} */ one) => one.name === name);
    const timed = epoch !== null && (info ? info.per_epoch : true);
    const key = timed ? run.epoch_key : run.key;
    return this.blob(`data/${run.slug}/column/${encodeURIComponent(name)}/${timed ? epoch : "-"}.bin?k=${key}`, decodeColumn);
  }

  /**
   * What tells the samples of one of two runs apart by both.
   * @param {any[]} runs @param {"agreement" | "difference"} name @param {"a" | "b"} side @param {number[]} epochs  of either run
   */
  pairColumn([a, b], name, side, epochs) {
    return this.blob(`compare/${a.slug}/${b.slug}/column/${name}/${side}/${epochs.join("/")}.bin?k=${a.epoch_key}-${b.epoch_key}`, decodeColumn);
  }

  /** Where the ramp of a number begins and ends over all epochs, null where nothing is known. @param {any} run @param {any} map @param {string} name @param {boolean} ofMap @returns {Promise<[number, number] | null>} */
  limits(run, map, name, ofMap) {
    const path = ofMap ? `maplimits/${encodeURIComponent(map.name)}/${name}.json?k=${map.key}` : `limits/${encodeURIComponent(name)}.json?k=${run.key}`;
    return this.blob(`data/${run.slug}/${path}`, (buffer) => JSON.parse(new TextDecoder().decode(buffer)));
  }

  /** @param {any} run @param {any} map @param {string} name @param {number} epoch */
  mapColumn(run, map, name, epoch) {
    return this.blob(`data/${run.slug}/mapcolumn/${encodeURIComponent(map.name)}/${name}/${epoch}.bin?k=${map.key}`, decodeColumn);
  }
}

/** @param {ArrayBuffer} buffer @param {Headers} headers */
function decodeColumn(buffer, headers) {
  const kinds = /** @type {any} */ ({ f32: Float32Array, u16: Uint16Array, u8: Uint8Array, i32: Int32Array, i64: BigInt64Array });
  return new kinds[headers.get("X-Dtype") ?? "f32"](buffer);
}

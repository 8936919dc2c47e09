// One photo on the page: a file that was chosen, or a job that the service still has.

/**
 * `waiting` for its turn, `limited` by the service's limits, `offline`, `uploading`, then the states
 * of a job, `refused` where the service did not take it, and `gone` where it no longer has it.
 * @typedef {"waiting" | "limited" | "offline" | "uploading" | "queued" | "running" | "succeeded"
 *   | "failed" | "canceled" | "refused" | "gone"} State
 */

/** @typedef {{ task: string, fields: Record<string, string> }} Order */

/** A part of a photo, in pixels of the photo when it is upright.
 * @typedef {{ left: number, top: number, width: number, height: number }} Region */

const ENDED = new Set(["succeeded", "failed", "canceled", "refused", "gone"]);

/** A photo and its job. Dispatches `change`. */
export class Photo extends EventTarget {
  /** Id of the job; the page chooses it, so that a repeated upload finds the same job. */
  id;
  /** @type {File | null} */
  file;
  name;
  /** @type {Order} */
  order;
  /** @type {State} */
  state = "waiting";
  /** Part of the upload that is sent, 0 to 1. */
  sent = 0;
  /** When (ms) a `limited` photo is sent; 0 where that is not known. */
  until = 0;
  /** When (ms) the first progress arrived, and how much it was. */
  #first = { at: 0, percent: 0 };
  /** The job as the service described it last; null before that. @type {any} */
  job = null;
  /** Why it failed or was refused. @type {any} */
  problem = null;
  canceling = new AbortController();
  /** How often in a row it could not be sent. */
  attempts = 0;

  /** @param {{ id?: string, file?: File, name: string, order: Order }} parts */
  constructor({ id, file, name, order }) {
    super();
    this.id = id ?? newId();
    this.file = file ?? null;
    this.name = name;
    this.order = order;
  }

  /** @param {any} job a job of the service @returns {Photo} */
  static of(job) {
    const { strength, region } = job.options ?? {};
    const fields = { ...job.parameters };
    if (strength !== undefined) fields.strength = String(strength);
    if (region) fields.region = regionText(region);
    const order = { task: job.task, fields };
    const photo = new Photo({ id: job.id, name: job.filename ?? "Photo", order });
    photo.update(job);
    return photo;
  }

  /** The part that is restored; null for all of it. @returns {Region | null} */
  get region() {
    if (!this.order.fields.region) return null;
    const [left, top, width, height] = this.order.fields.region.split(",").map(Number);
    return { left, top, width, height };
  }

  get ended() {
    return ENDED.has(this.state);
  }

  /** Whether the service has a job for it that has not ended. */
  get isOpen() {
    return this.state === "queued" || this.state === "running";
  }

  get canceled() {
    return this.canceling.signal.aborted;
  }

  get percent() {
    return this.job?.progress?.percent ?? 0;
  }

  /** Seconds until the job ends, by its own pace; null while that is not known. */
  get secondsLeft() {
    const { at, percent } = this.#first;
    const made = this.percent - percent;
    if (this.state !== "running" || !at || made < 3) return null;
    return ((Date.now() - at) / made) * (100 - this.percent) / 1000;
  }

  /** @param {State} state @param {{ until?: number, problem?: any }} [more] */
  enter(state, more = {}) {
    this.state = state;
    this.until = more.until ?? 0;
    this.problem = more.problem ?? null;
    this.#changed();
  }

  /** @param {number} part */
  uploaded(part) {
    this.sent = part;
    this.#changed();
  }

  /** Take over what the service says: a whole job, or the part of it that an event carries. */
  update(/** @type {any} */ job) {
    if (this.ended && job.status !== this.state) return;
    const known = this.job?.progress?.tiles_done ?? 0;
    if (job.progress && job.progress.tiles_done < known && job.status === "running") return;
    this.job = { ...this.job, ...job };
    this.state = job.purged ? "gone" : job.status;
    this.problem = job.error ?? null;
    if (this.state === "running" && !this.#first.at && this.percent > 0) {
      this.#first = { at: Date.now(), percent: this.percent };
    }
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}

/** A region as the service reads it. @param {Region} region */
export function regionText({ left, top, width, height }) {
  return [left, top, width, height].join(",");
}

/** A random id; `randomUUID` does not exist on pages without TLS. */
function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

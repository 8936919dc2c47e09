// The queue of the page: it sends photos as the service's limits allow, and follows their jobs.

import { NetworkError, Problem } from "./api.js";
import { Photo } from "./photo.js";

/** @typedef {import("./api.js").Api} Api */
/** @typedef {import("./job-feed.js").JobFeed} JobFeed */

const UPLOADS_AT_ONCE = 2;
const SHORTEST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 30_000;
/** A stream behind some proxies stays silent: open jobs are asked for then. */
const CHECK_MS = 20_000;
const LIMITS_MS = 3000;
const LISTED = 30;

/** Dispatches `add` and `remove` with a photo. */
export class PhotoQueue extends EventTarget {
  /** @type {Photo[]} */
  photos = [];
  #api;
  #feed;
  #uploading = 0;
  #timer = 0;
  #heard = Date.now();

  /** @param {Api} api @param {JobFeed} feed */
  constructor(api, feed) {
    super();
    this.#api = api;
    this.#feed = feed;
    feed.addEventListener("job", (event) => {
      this.#heard = Date.now();
      const { job } = /** @type {CustomEvent} */ (event).detail;
      const photo = this.#find(job.id);
      if (photo && !photo.ended) void this.#follow(photo, job);
    });
    feed.addEventListener("gap", () => void this.#checkAll());
    window.addEventListener("online", () => this.#pump());
    setInterval(() => {
      if (Date.now() - this.#heard > CHECK_MS) void this.#checkAll();
    }, CHECK_MS);
  }

  /** @param {Photo} photo */
  add(photo) {
    this.#feed.start();
    this.photos.unshift(photo);
    this.dispatchEvent(new CustomEvent("add", { detail: photo }));
    this.#pump();
  }

  /** Show the jobs that the service still has, from before the page was opened. */
  async restore() {
    const { jobs } = await this.#api.json(`v1/jobs?limit=${LISTED}`);
    for (const job of jobs) {
      if (this.#find(job.id) || job.purged || job.status === "canceled") continue;
      const photo = Photo.of(job);
      this.photos.push(photo);
      this.dispatchEvent(new CustomEvent("add", { detail: photo }));
    }
    if (this.photos.some((photo) => photo.isOpen)) this.#feed.start();
  }

  /** Cancel a photo that has not ended. @param {Photo} photo */
  async cancel(photo) {
    const sent = photo.state === "uploading" || photo.isOpen;
    photo.canceling.abort();
    if (!photo.isOpen) photo.enter("canceled");
    if (!sent) return;
    try {
      await this.#follow(photo, await this.#api.json(`v1/jobs/${photo.id}/cancel`, { method: "POST" }));
    } catch (error) {
      // There is no job yet, or it has ended just now.
      if (photo.isOpen) await this.#check(photo);
    }
  }

  /** Remove a photo from the page, and its files from the service. @param {Photo} photo */
  async remove(photo) {
    if (!photo.ended) await this.cancel(photo);
    this.photos = this.photos.filter((other) => other !== photo);
    this.dispatchEvent(new CustomEvent("remove", { detail: photo }));
    if (photo.job === null || photo.state === "gone") return;
    await this.#api.request(`v1/jobs/${photo.id}`, { method: "DELETE" }).catch(() => {});
  }

  /** @param {string} id */
  #find(id) {
    return this.photos.find((photo) => photo.id === id);
  }

  /** Send what may be sent now. */
  #pump() {
    clearTimeout(this.#timer);
    // The newest photo comes first in the list, and last in the queue.
    const waiting = this.photos.filter((photo) =>
      ["waiting", "limited", "offline"].includes(photo.state)).reverse();
    for (const photo of waiting) {
      if (this.#uploading >= UPLOADS_AT_ONCE) return;
      if (photo.until > Date.now()) {
        this.#later(photo.until - Date.now());
        continue;
      }
      const wait = this.#api.limits.wait();
      if (wait !== 0) {
        waiting.filter((other) => other.state === "waiting")
          .forEach((other) => other.enter("limited"));
        if (wait === null) this.#askForLimits();
        else this.#later(wait);
        return;
      }
      void this.#send(photo);
    }
  }

  /** Jobs of other clients count, too, and no event tells of their limits. */
  #askForLimits() {
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(async () => {
      await this.#api.json("v1/jobs?limit=1").catch(() => {});
      this.#pump();
    }, LIMITS_MS);
  }

  /** @param {number} ms */
  #later(ms) {
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => this.#pump(), Math.max(ms, 200));
  }

  /** @param {Photo} photo */
  async #send(photo) {
    const { signal } = photo.canceling;
    const form = new FormData();
    form.set("task", photo.order.task);
    for (const [name, value] of Object.entries(photo.order.fields)) form.set(name, value);
    form.set("file", /** @type {File} */ (photo.file), photo.name);
    this.#uploading += 1;
    this.#api.limits.take();
    photo.sent = 0;
    photo.enter("uploading");
    try {
      const onProgress = (/** @type {number} */ part) => photo.uploaded(part);
      await this.#follow(photo,
        await this.#api.upload(`v1/jobs/${photo.id}`, form, { onProgress, signal }));
      photo.attempts = 0;
    } catch (error) {
      if (!photo.canceled) this.#refuse(photo, error);
    } finally {
      this.#uploading -= 1;
      this.#pump();
    }
  }

  /** @param {Photo} photo @param {unknown} error */
  #refuse(photo, error) {
    photo.attempts += 1;
    const pause = Math.min(SHORTEST_PAUSE_MS * 2 ** (photo.attempts - 1), LONGEST_PAUSE_MS);
    if (error instanceof NetworkError) {
      photo.enter("offline", { until: Date.now() + pause });
    } else if (error instanceof Problem && error.retryable) {
      const named = error.retryAfter === null ? pause : 1000 * error.retryAfter;
      photo.enter("limited", { until: Date.now() + named, problem: error });
    } else {
      photo.enter("refused", { problem: error });
    }
  }

  /** @param {Photo} photo @param {any} job */
  async #follow(photo, job) {
    if (job.status === "succeeded" && !job.output) {
      await this.#check(photo); // the event does not carry the result
      return;
    }
    const known = photo.ended; // a cached result: its event may have come first
    photo.update(job);
    if (photo.ended && !known) {
      this.#api.limits.release();
      this.#pump();
    }
  }

  /** @param {Photo} photo */
  async #check(photo) {
    try {
      await this.#follow(photo, await this.#api.json(`v1/jobs/${photo.id}`));
    } catch (error) {
      if (error instanceof Problem && (error.status === 404 || error.status === 410)) {
        photo.enter("gone", { problem: error });
      }
    }
  }

  async #checkAll() {
    await Promise.all(this.photos.filter((photo) => photo.isOpen).map((photo) => this.#check(photo)));
    this.#pump();
  }
}

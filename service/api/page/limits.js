// What the service allows this client: the `RateLimit` field of every answer.

const PART = /"(submits|jobs|megapixels)";r=(\d+)(?:;t=(\d+))?/g;

/** How many requests and jobs are left, as far as the latest answer tells. */
export class Limits {
  /** Submissions that are possible now, and when (ms) another one is. */
  #submits = Infinity;
  #nextSubmit = 0;
  /** Jobs that may be added to those that have not ended. */
  #jobs = Infinity;

  /** @param {{ get(name: string): string | null }} headers */
  read(headers) {
    for (const [, name, left, until] of (headers.get("RateLimit") ?? "").matchAll(PART)) {
      if (name === "jobs") this.#jobs = Number(left);
      if (name === "submits") {
        this.#submits = Number(left);
        this.#nextSubmit = Date.now() + 1000 * Math.min(Number(until ?? 1), 2);
      }
    }
  }

  /** Count a submission that is about to be sent, whose answer will tell more. */
  take() {
    this.#submits -= 1;
    this.#jobs -= 1;
  }

  /** A job has ended. */
  release() {
    this.#jobs += 1;
  }

  /**
   * Milliseconds until a submission may be sent, 0 for now; null if a job has to end first.
   * @returns {number | null}
   */
  wait() {
    if (this.#jobs <= 0) return null;
    return this.#submits > 0 ? 0 : Math.max(this.#nextSubmit - Date.now(), 0);
  }
}

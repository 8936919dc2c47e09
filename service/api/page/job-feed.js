// One event stream for all jobs: a browser opens six connections to a server at most.
//
// It is read with `fetch`, because `EventSource` cannot send a key. Where the stream is silent or
// breaks, it is opened again behind the last event that arrived.

/** @typedef {import("./api.js").Api} Api */
/** @typedef {{ kind: string, job: any }} JobEvent */

/** The service sends something every 15 seconds. */
const SILENT_MS = 45_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;

export class JobFeed extends EventTarget {
  #api;
  #lastId = "";
  #pause = FIRST_PAUSE_MS;
  #wake = () => {};
  /** @type {AbortController | null} */
  #open = null;
  #started = false;

  /** @param {Api} api */
  constructor(api) {
    super();
    this.#api = api;
  }

  /** Read events until the page is closed. Dispatches `job`, and `gap` where some are missing. */
  start() {
    if (this.#started) return;
    this.#started = true;
    window.addEventListener("online", () => this.#wake());
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.#wake();
    });
    void this.#run();
  }

  /** Open the stream again: the key has changed. */
  restart() {
    this.#lastId = "";
    this.#open?.abort();
    this.#wake();
  }

  async #run() {
    for (;;) {
      try {
        await this.#read();
        this.#pause = FIRST_PAUSE_MS;
      } catch {
        this.#pause = Math.min(2 * this.#pause, LONGEST_PAUSE_MS);
      }
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, this.#pause);
        this.#wake = () => { clearTimeout(timer); resolve(undefined); };
      });
      this.dispatchEvent(new Event("gap"));
    }
  }

  async #read() {
    this.#open = new AbortController();
    const { signal } = this.#open;
    /** @type {Record<string, string>} */
    const headers = { Accept: "text/event-stream" };
    if (this.#lastId) headers["Last-Event-ID"] = this.#lastId;
    const answer = await this.#api.request("v1/events", { headers, signal });
    if (answer.body === null) return;
    this.#pause = FIRST_PAUSE_MS;
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (;;) {
      const timer = setTimeout(() => this.#open?.abort(), SILENT_MS);
      const { value, done } = await reader.read().finally(() => clearTimeout(timer));
      if (done) return;
      text += value;
      const events = text.split("\n\n");
      text = events.pop() ?? "";
      events.forEach((event) => this.#receive(event));
    }
  }

  /** @param {string} event */
  #receive(event) {
    /** @type {Record<string, string>} */
    const fields = {};
    for (const line of event.split("\n")) {
      const at = line.indexOf(": ");
      if (at > 0) fields[line.slice(0, at)] = line.slice(at + 2);
    }
    if (fields.id) this.#lastId = fields.id;
    if (fields.event === "ready" || fields.event === "reset") {
      this.dispatchEvent(new Event("gap")); // what was before is not in this stream
    } else if (fields.data) {
      const detail = { kind: fields.event, job: JSON.parse(fields.data) };
      this.dispatchEvent(new CustomEvent("job", { detail }));
    }
  }
}

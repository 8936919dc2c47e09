// Requests to the service. This is the only module that knows the API key.

import { Limits } from "./limits.js";

/** Where the service is: the page may be served below a path of a proxy. */
const BASE = new URL("./", document.baseURI);
const KEPT_KEY = "hiir-key";

/** An answer of the service that is not a success (RFC 9457). */
export class Problem extends Error {
  /** @param {any} body @param {number} status @param {number | null} retryAfter */
  constructor(body, status, retryAfter) {
    super(String(body.detail || body.title || `The service answered with status ${status}.`));
    this.code = String(body.code || "");
    this.title = String(body.title || "");
    this.status = status;
    this.retryable = body.retryable === true;
    /** Seconds, where the service names them. */
    this.retryAfter = retryAfter;
    this.requestId = String(body.request_id || "");
  }
}

/** The service could not be reached. */
export class NetworkError extends Error {}

/**
 * @typedef {{ method?: string, body?: BodyInit, headers?: Record<string, string>,
 *   signal?: AbortSignal }} Init
 */

export class Api extends EventTarget {
  limits = new Limits();
  #key = sessionStorage.getItem(KEPT_KEY) ?? "";
  /** @type {Promise<void> | null} */
  #asking = null;
  /** @type {() => void} */
  #answered = () => {};

  /** The last characters of the key, to be shown; empty without a key. */
  get keyEnd() {
    return this.#key.slice(-4);
  }

  /**
   * Use a key from now on, and repeat the requests that wait for one.
   * @param {string} key @param {boolean} keep whether a reload of this tab keeps it
   */
  useKey(key, keep) {
    this.#key = key;
    if (keep && key) sessionStorage.setItem(KEPT_KEY, key);
    else sessionStorage.removeItem(KEPT_KEY);
    this.#asking = null;
    this.#answered();
  }

  /**
   * Send a request; where the service wants a key, it waits until there is one.
   * @param {string} path @param {Init} [init] @returns {Promise<Response>}
   */
  async request(path, init = {}) {
    for (;;) {
      const key = this.#key;
      const answer = await this.#fetch(path, init);
      this.limits.read(answer.headers);
      if (answer.ok) return answer;
      const problem = await readProblem(answer);
      if (answer.status !== 401) throw problem;
      await this.#keyAfter(key, problem, init.signal);
    }
  }

  /** @param {string} path @param {Init} [init] @returns {Promise<any>} */
  async json(path, init) {
    return (await this.request(path, init)).json();
  }

  /**
   * Send a form, with reports of its progress, which `fetch` does not give.
   * @param {string} path @param {FormData} form
   * @param {{ onProgress: (part: number) => void, signal: AbortSignal }} how
   * @returns {Promise<any>}
   */
  async upload(path, form, how) {
    for (;;) {
      const key = this.#key;
      try {
        return await this.#put(path, form, how);
      } catch (error) {
        if (!(error instanceof Problem) || error.status !== 401) throw error;
        await this.#keyAfter(key, error, how.signal);
      }
    }
  }

  /** @param {string} path @param {Init} init */
  async #fetch(path, init) {
    const headers = { ...init.headers, ...this.#headers() };
    try {
      return await fetch(new URL(path, BASE), {
        ...init, headers, cache: "no-store", credentials: "omit", referrerPolicy: "no-referrer",
      });
    } catch (error) {
      if (init.signal?.aborted) throw error;
      throw new NetworkError("The service cannot be reached.");
    }
  }

  #headers() {
    /** @type {Record<string, string>} */
    const headers = {};
    if (this.#key) headers["X-API-Key"] = this.#key;
    return headers;
  }

  /**
   * @param {string} path @param {FormData} form
   * @param {{ onProgress: (part: number) => void, signal: AbortSignal }} how
   */
  #put(path, form, { onProgress, signal }) {
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      const abort = () => request.abort();
      request.open("PUT", new URL(path, BASE));
      request.responseType = "text";
      for (const [name, value] of Object.entries(this.#headers())) {
        request.setRequestHeader(name, value);
      }
      request.upload.onprogress = (event) => {
        if (event.lengthComputable) onProgress(event.loaded / event.total);
      };
      request.onload = () => {
        const header = (/** @type {string} */ name) => request.getResponseHeader(name);
        this.limits.read({ get: header });
        const body = parse(request.responseText);
        if (request.status >= 200 && request.status < 300) resolve(body);
        else reject(new Problem(body, request.status, seconds(header("Retry-After"))));
      };
      request.onerror = () => reject(new NetworkError("The upload was interrupted."));
      request.onabort = () => reject(new DOMException("The upload was canceled.", "AbortError"));
      request.onloadend = () => signal.removeEventListener("abort", abort);
      if (signal.aborted) return request.onabort(new ProgressEvent("abort"));
      signal.addEventListener("abort", abort);
      request.send(form);
    });
  }

  /**
   * Wait until there is another key than the one that was refused.
   * @param {string} refused @param {Problem} problem @param {AbortSignal} [signal]
   */
  async #keyAfter(refused, problem, signal) {
    if (this.#key !== refused) return;
    if (this.#asking === null) {
      this.#asking = new Promise((resolve) => { this.#answered = resolve; });
      this.dispatchEvent(new CustomEvent("keyneeded", { detail: problem }));
    }
    await Promise.race([this.#asking, aborted(signal)]);
  }
}

/** @param {AbortSignal} [signal] @returns {Promise<never>} */
function aborted(signal) {
  return new Promise((_, reject) => {
    signal?.addEventListener("abort", () => reject(new DOMException("Canceled.", "AbortError")));
  });
}

/** @param {Response} answer */
async function readProblem(answer) {
  const body = parse(await answer.text().catch(() => ""));
  return new Problem(body, answer.status, seconds(answer.headers.get("Retry-After")));
}

/** @param {string} text @returns {any} */
function parse(text) {
  try {
    const value = JSON.parse(text);
    return value !== null && typeof value === "object" ? value : {};
  } catch {
    return {};
  }
}

/** @param {string | null} text */
function seconds(text) {
  return text !== null && /^\d{1,9}$/.test(text) ? Number(text) : null;
}

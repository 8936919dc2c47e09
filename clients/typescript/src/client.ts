import createClient, { type Client } from "openapi-fetch";

import { ApiError, ConnectionLostError, ResultCorruptError, WaitTimeoutError } from "./errors.js";
import { EventParser } from "./events.js";
import { DEFAULT_POLICY, pauseBefore, retryingFetch, sleep, type RetryPolicy } from "./retries.js";
import type { components, paths } from "./schema.js";

export type Job = components["schemas"]["JobView"];
export type Batch = components["schemas"]["BatchView"];
/** What a submission would lead to. */
export type DryRun = components["schemas"]["DryRunView"];
/** Measurements of a photo, and the tasks that they suggest. */
export type Analysis = components["schemas"]["AnalysisView"];
export type Task = components["schemas"]["TaskView"];

type Form = paths["/v1/jobs"]["post"]["requestBody"]["content"]["multipart/form-data"];
/** A field's type for a caller: the form's own texts `"true"` and `"false"` are booleans. */
type Natural<T> = string extends T ? T : "true" | "false" extends T ? boolean : T;
/** Parameters of the task and options of the result: the fields of the form. */
export type JobOptions = {
  [Name in Exclude<keyof Form, "file" | "task" | "tasks" | "client_metadata" | "dry_run">]?: Natural<
    NonNullable<Form[Name]>
  >;
} & {
  /** Up to 16 strings, returned with the job and its webhooks. */
  client_metadata?: Record<string, string>;
  /** Restore the image even if the service has the result of an earlier job. */
  noCache?: boolean;
};

export interface SubmitOptions extends JobOptions {
  /** A task; or several with their values, as in `denoise:25,super-resolution:2`. */
  task: string;
  /** Pass one of your own to be able to repeat the call after a crash. */
  idempotencyKey?: string;
}

/** The options of batches, whose jobs always have the priority `batch`. */
export type BatchSubmitOptions = Omit<SubmitOptions, "priority">;

export interface WaitOptions {
  /** Maximum seconds to wait; the job goes on afterwards. */
  timeout?: number;
  /** Receives the state of the job with each event. */
  onProgress?: (state: JobState) => void;
}

/** The state of a job at the time of an event. */
export type JobState = Pick<Job, "id" | "status" | "progress" | "attempt" | "error">;

export interface JobEvent {
  /** Pass it as `after` to resume the stream behind this event. */
  id: string;
  kind: string;
  job: JobState;
}

export interface Result {
  job: Job;
  content: Blob;
}

export interface ClientOptions {
  apiKey?: string;
  retries?: Partial<RetryPolicy>;
  /** Another `fetch`, for tests or proxies. */
  fetch?: typeof fetch;
}

type Api = Client<paths>;

/** A client of one service, in Node and in browsers. */
export class HiirClient {
  readonly jobs: Jobs;
  readonly batches: Batches;
  readonly tasks: Tasks;
  private readonly api: Api;

  constructor(baseUrl = "http://127.0.0.1:8000", options: ClientOptions = {}) {
    const policy = { ...DEFAULT_POLICY, ...options.retries };
    const api = createClient<paths>({
      baseUrl,
      headers: options.apiKey === undefined ? {} : { Authorization: `Bearer ${options.apiKey}` },
      fetch: retryingFetch(policy, options.fetch),
    });
    this.api = api;
    this.jobs = new Jobs(api, policy);
    this.batches = new Batches(api);
    this.tasks = new Tasks(api);
  }

  /** Measure noise, compression and blur, and learn what the task `auto` would do. */
  async analyze(file: File | Blob): Promise<Analysis> {
    const answer = await this.api.POST("/v1/analyses", {
      body: { file } as never,
      bodySerializer: () => form([["file", file]], {}),
    });
    return present(answer.data) as Analysis;
  }

  /** Restore an image: submit it, wait, and download the result, checked by its hash. */
  async restore(file: File | Blob, options: SubmitOptions & WaitOptions): Promise<Result> {
    const { timeout, onProgress, ...submission } = options;
    const job = await this.jobs.submit(file, submission);
    const wait: WaitOptions = {};
    if (timeout !== undefined) wait.timeout = timeout;
    if (onProgress !== undefined) wait.onProgress = onProgress;
    return this.jobs.download(await this.jobs.wait(job.id, wait));
  }
}

/** The fields of a submission: several tasks go by another name. */
function named<T extends { task: string }>({ task, ...fields }: T): Record<string, unknown> {
  return /[,:]/.test(task) ? { tasks: task, ...fields } : { task, ...fields };
}

function caching(noCache: boolean | undefined): Record<string, string> {
  return noCache === true ? { "Cache-Control": "no-cache" } : {};
}

const ENDED = new Set(["succeeded", "failed", "canceled"]);
const LONGEST_WAIT = 60;

/** The routes under `/v1/jobs`. */
export class Jobs {
  constructor(
    private readonly api: Api,
    private readonly policy: RetryPolicy,
  ) {}

  /** Submit an image, with a random idempotency key unless one is given. */
  async submit(file: File | Blob, options: SubmitOptions): Promise<Job> {
    const { idempotencyKey, noCache, ...given } = options;
    const fields = named(given);
    const answer = await this.api.POST("/v1/jobs", {
      headers: { "Idempotency-Key": idempotencyKey ?? randomKey(), ...caching(noCache) },
      body: { file, ...fields } as unknown as Form,
      bodySerializer: () => form([["file", file]], fields),
    });
    return present(answer.data) as Job;
  }

  /** Upload an image and learn what its job would do; nothing is stored or queued. */
  async dryRun(file: File | Blob, options: JobOptions & { task: string }): Promise<DryRun> {
    const { noCache, ...given } = options;
    const fields = { ...named(given), dry_run: true };
    const answer = await this.api.POST("/v1/jobs", {
      headers: caching(noCache),
      body: { file, ...fields } as unknown as Form,
      bodySerializer: () => form([["file", file]], fields),
    });
    return present(answer.data) as DryRun;
  }

  /** A job, at once or when it has ended, after at most `wait` seconds. */
  async get(id: string, { wait = 0 }: { wait?: number } = {}): Promise<Job> {
    const query = wait > 0 ? { wait } : {};
    const answer = await this.api.GET("/v1/jobs/{job_id}", {
      params: { path: { job_id: id }, query },
    });
    return present(answer.data);
  }

  /** The job when it has ended; throws `WaitTimeoutError`. */
  async wait(id: string, { timeout = Infinity, onProgress }: WaitOptions = {}): Promise<Job> {
    const deadline = Date.now() + timeout * 1000;
    if (onProgress !== undefined) {
      try {
        for await (const event of this.events(id)) {
          onProgress(event.job);
          if (Date.now() >= deadline) break;
        }
      } catch (error) {
        // The state of the job is asked for next.
        if (!(error instanceof ConnectionLostError)) throw error;
      }
    }
    for (;;) {
      const left = Math.max((deadline - Date.now()) / 1000, 0);
      const job = await this.get(id, { wait: Math.min(Math.floor(left), LONGEST_WAIT) });
      if (ENDED.has(job.status)) return job;
      if (Date.now() >= deadline) {
        throw new WaitTimeoutError(`Job ${id} is ${job.status} after ${timeout} s.`);
      }
      if (left < 1) await sleep(left);
    }
  }

  /** Each event of a job once, from the first or behind the one with the id `after`. */
  async *events(id: string, { after = "" }: { after?: string } = {}): AsyncGenerator<JobEvent> {
    let lastId = after;
    let retry = 0;
    for (;;) {
      const parser = new EventParser(lastId);
      const answer = await this.api.GET("/v1/jobs/{job_id}/events", {
        params: { path: { job_id: id } },
        headers: lastId === "" ? {} : { "Last-Event-ID": lastId },
        parseAs: "stream",
      });
      if (answer.response.status === 204) return;
      try {
        for await (const piece of pieces(answer.response)) {
          for (const event of parser.feed(piece)) {
            lastId = event.id;
            retry = 0;
            yield { id: event.id, kind: event.kind, job: JSON.parse(event.data) as JobState };
            if (event.kind === "completed") return;
          }
        }
      } catch (error) {
        if (!(error instanceof ConnectionLostError)) throw error;
      }
      const pause = pauseBefore(retry, undefined, this.policy);
      if (pause === undefined) {
        throw new ConnectionLostError("The stream ended before the job did.");
      }
      retry += 1;
      await sleep(pause);
    }
  }

  /** The result of a job that has ended; throws the failure of one that has failed. */
  async download(job: Job): Promise<Result> {
    if (job.error) throw new ApiError(job.error, undefined, undefined, job.id);
    const answer = await this.api.GET("/v1/jobs/{job_id}/result", {
      params: { path: { job_id: job.id } },
      parseAs: "arrayBuffer",
    });
    const content = present(answer.data) as ArrayBuffer;
    const stated = job.output?.sha256;
    // Browsers have `crypto.subtle` in secure contexts alone.
    if (stated !== undefined && globalThis.crypto?.subtle !== undefined) {
      const digest = hex(await crypto.subtle.digest("SHA-256", content));
      if (digest !== stated) {
        throw new ResultCorruptError(`The result has the SHA-256 ${digest}, and not ${stated}.`);
      }
    }
    const type = answer.response.headers.get("content-type") ?? "";
    return { job, content: new Blob([content], { type }) };
  }

  /** Your jobs, newest first; pages are requested as they are needed. */
  async *list({ pageSize = 20 }: { pageSize?: number } = {}): AsyncGenerator<Job> {
    let cursor: string | undefined;
    do {
      const query = { limit: pageSize, ...(cursor === undefined ? {} : { cursor }) };
      const page = present((await this.api.GET("/v1/jobs", { params: { query } })).data);
      yield* page.jobs;
      cursor = page.next_cursor ?? undefined;
    } while (cursor !== undefined);
  }

  /** Cancel a job that has not ended. Can be repeated. */
  async cancel(id: string): Promise<Job> {
    const params = { path: { job_id: id } };
    return present((await this.api.POST("/v1/jobs/{job_id}/cancel", { params })).data);
  }

  /** Cancel a job that has not ended, or delete the files of one that has. */
  async delete(id: string): Promise<Job> {
    const params = { path: { job_id: id } };
    return present((await this.api.DELETE("/v1/jobs/{job_id}", { params })).data);
  }
}

/** The routes under `/v1/batches`. */
export class Batches {
  constructor(private readonly api: Api) {}

  /** Submit several images, each of which becomes a job. */
  async submit(files: readonly (File | Blob)[], options: BatchSubmitOptions): Promise<Batch> {
    const { idempotencyKey, noCache, ...given } = options;
    const fields = named(given);
    const answer = await this.api.POST("/v1/batches", {
      headers: { "Idempotency-Key": idempotencyKey ?? randomKey(), ...caching(noCache) },
      body: {} as never,
      bodySerializer: () => form(files.map((file) => ["file", file]), fields),
    });
    return present(answer.data) as Batch;
  }

  /** A batch with the status of each file. */
  async get(id: string): Promise<Batch> {
    const params = { path: { batch_id: id } };
    return present((await this.api.GET("/v1/batches/{batch_id}", { params })).data);
  }

  /** The batch when all jobs have ended; throws `WaitTimeoutError`. */
  async wait(id: string, { timeout = Infinity }: { timeout?: number } = {}): Promise<Batch> {
    const deadline = Date.now() + timeout * 1000;
    for (let pause = 0.5; ; pause = Math.min(pause * 1.5, 5)) {
      const batch = await this.get(id);
      if (batch.ended) return batch;
      const left = (deadline - Date.now()) / 1000;
      if (left <= 0) throw new WaitTimeoutError(`Batch ${id} has not ended after ${timeout} s.`);
      await sleep(Math.min(pause, left));
    }
  }

  /** Cancel all jobs of a batch that have not ended. Can be repeated. */
  async cancel(id: string): Promise<Batch> {
    const params = { path: { batch_id: id } };
    return present((await this.api.POST("/v1/batches/{batch_id}/cancel", { params })).data);
  }
}

/** The route `/v1/tasks`. */
export class Tasks {
  constructor(private readonly api: Api) {}

  /** All tasks with their parameters, limits and models. */
  async list(): Promise<Task[]> {
    return present((await this.api.GET("/v1/tasks")).data).tasks;
  }
}

function form(files: readonly (readonly [string, File | Blob])[], fields: object): FormData {
  const data = new FormData();
  for (const [name, file] of files) data.append(name, file, filename(file));
  for (const [name, value] of Object.entries(fields) as [string, unknown][]) {
    if (value === undefined) continue;
    if (value instanceof Blob) data.append(name, value, filename(value));
    else data.append(name, typeof value === "object" ? JSON.stringify(value) : String(value));
  }
  return data;
}

function filename(file: File | Blob): string {
  return "name" in file && file.name !== "" ? file.name : "image";
}

/** `crypto.randomUUID` exists in secure contexts alone. */
function randomKey(): string {
  return hex(crypto.getRandomValues(new Uint8Array(16)).buffer);
}

function hex(bytes: ArrayBuffer): string {
  return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function present<T>(data: T | undefined): T {
  if (data === undefined) throw new ConnectionLostError("The response has no body.");
  return data;
}

/** The pieces of a body; a broken connection is a `ConnectionLostError`. */
async function* pieces(response: Response): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  if (reader === undefined) return;
  try {
    for (;;) {
      let next: ReadableStreamReadResult<Uint8Array>;
      try {
        next = await reader.read();
      } catch (cause) {
        throw new ConnectionLostError("The stream broke.", { cause });
      }
      if (next.done) return;
      yield next.value;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

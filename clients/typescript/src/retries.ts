import { ApiError, ConnectionLostError, UnexpectedResponseError, type Problem } from "./errors.js";

/** How often and how long one call waits for the service. */
export interface RetryPolicy {
  /** Further tries after the first; 0 turns retries off. */
  retries: number;
  /** Seconds before the first retry; doubles with each one. */
  firstPause: number;
  /** Maximum seconds between tries, where the service does not name a time. */
  longestPause: number;
  /** Maximum seconds of `Retry-After`; a longer one throws the error immediately. */
  longestRetryAfter: number;
}

export const DEFAULT_POLICY: RetryPolicy = {
  retries: 5,
  firstPause: 0.5,
  longestPause: 8,
  longestRetryAfter: 120,
};

/** Seconds that a `Retry-After` header names (RFC 9110, section 10.2.3), if any. */
export function readRetryAfter(value: string | null, now = Date.now()): number | undefined {
  const text = (value ?? "").trim();
  if (/^\d+$/.test(text)) return Number(text);
  // `Date.parse` accepts much else; an HTTP date begins with the name of a day.
  const date = /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)/.test(text) ? Date.parse(text) : NaN;
  return Number.isNaN(date) ? undefined : Math.max((date - now) / 1000, 0);
}

/** Seconds to wait before a retry, counted from 0; undefined to give up. */
export function pauseBefore(
  retry: number,
  retryAfter: number | undefined,
  policy: RetryPolicy,
): number | undefined {
  if (retry >= policy.retries) return undefined;
  if (retryAfter !== undefined) {
    return retryAfter <= policy.longestRetryAfter ? retryAfter : undefined;
  }
  // Between half and all of it, so that clients that failed together do not return together.
  const longest = Math.min(policy.firstPause * 2 ** retry, policy.longestPause);
  return longest * (0.5 + Math.random() / 2);
}

export function sleep(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}

/** The error for a response that is not one of the 200s. */
export async function errorOf(response: Response): Promise<ApiError | UnexpectedResponseError> {
  const type = response.headers.get("content-type") ?? "";
  if (!type.startsWith("application/problem+json")) {
    return new UnexpectedResponseError(response.status);
  }
  let problem: Problem;
  try {
    problem = (await response.json()) as Problem;
  } catch {
    return new UnexpectedResponseError(response.status);
  }
  const retryAfter = readRetryAfter(response.headers.get("retry-after"));
  // A result's route answers 409 with the failure of the job, whose `retryable` is about a new job.
  const isFailure = response.status === 409 && !response.headers.has("retry-after");
  const retryable = problem.retryable === true && !isFailure;
  return new ApiError({ ...problem, retryable }, response.status, retryAfter);
}

/**
 * Fetch with retries: of refusals that say `retryable`, and of broken connections where the request
 * can be repeated. The status alone decides nothing.
 */
export function retryingFetch(
  policy: RetryPolicy,
  send: typeof fetch = fetch,
): (request: Request) => Promise<Response> {
  return async (request) => {
    const method = request.method;
    const isRepeatable = method !== "POST" || request.headers.has("idempotency-key") ||
      /\/(cancel|retry-failed)$/.test(new URL(request.url).pathname);
    for (let retry = 0; ; retry += 1) {
      let error: Error;
      let retryAfter: number | undefined;
      let isWorthRetrying: boolean;
      try {
        // A try consumes the body of its request.
        const response = await send(request.clone());
        if (response.ok) return response;
        error = await errorOf(response);
        isWorthRetrying = error instanceof ApiError && error.retryable;
        retryAfter = error instanceof ApiError ? error.retryAfter : undefined;
      } catch (cause) {
        if (request.signal.aborted) throw cause;
        error = new ConnectionLostError(`${method} ${request.url}: ${String(cause)}`, { cause });
        isWorthRetrying = isRepeatable;
      }
      const pause = isWorthRetrying ? pauseBefore(retry, retryAfter, policy) : undefined;
      if (pause === undefined) throw error;
      await sleep(pause);
    }
  };
}

/** Root of all errors of this package. */
export class HiirClientError extends Error {
  override readonly name: string = "HiirClientError";
}

/** A problem document (RFC 9457), or the failure of a job. */
export interface Problem {
  code: string;
  title?: string;
  detail: string;
  retryable: boolean;
  request_id?: string | null;
  limit?: number | string | null;
  actual?: number | string | null;
}

/** The service refused a request, or a job failed; `code` says why. */
export class ApiError extends HiirClientError {
  override readonly name = "ApiError";
  readonly code: string;
  readonly detail: string;
  /** Whether the same request may succeed later. */
  readonly retryable: boolean;
  readonly requestId: string | undefined;
  readonly limit: number | string | undefined;
  readonly actual: number | string | undefined;

  constructor(
    problem: Problem,
    /** HTTP status; undefined for the failure of a job. */
    readonly status?: number,
    /** Seconds to wait before the next try, if the service named them. */
    readonly retryAfter?: number,
    /** Id of the job that failed; undefined for a refused request. */
    readonly jobId?: string,
  ) {
    super(`${problem.code}: ${problem.detail || problem.title}`);
    this.code = problem.code;
    this.detail = problem.detail;
    this.retryable = problem.retryable;
    this.requestId = problem.request_id ?? undefined;
    this.limit = problem.limit ?? undefined;
    this.actual = problem.actual ?? undefined;
  }
}

/** There was no connection to the service, or it broke before the response was complete. */
export class ConnectionLostError extends HiirClientError {
  override readonly name = "ConnectionLostError";
}

/** The response is not one of the service: a proxy's error page, for example. */
export class UnexpectedResponseError extends HiirClientError {
  override readonly name = "UnexpectedResponseError";
  constructor(readonly status: number) {
    super(`Status ${status} without a problem document: not an answer of the service.`);
  }
}

/** The downloaded file does not have the SHA-256 that the service states. */
export class ResultCorruptError extends HiirClientError {
  override readonly name = "ResultCorruptError";
}

/** The job or batch did not end in time. It goes on; wait again, or cancel it. */
export class WaitTimeoutError extends HiirClientError {
  override readonly name = "WaitTimeoutError";
}

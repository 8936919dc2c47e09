export {
  HiirClient,
  type Analysis,
  type Batch,
  type ClientOptions,
  type DryRun,
  type Job,
  type JobEvent,
  type JobOptions,
  type JobState,
  type Result,
  type BatchSubmitOptions,
  type SubmitOptions,
  type Task,
  type WaitOptions,
} from "./client.js";
export {
  ApiError,
  ConnectionLostError,
  HiirClientError,
  ResultCorruptError,
  UnexpectedResponseError,
  WaitTimeoutError,
} from "./errors.js";
export { EventParser, type ServerEvent } from "./events.js";
export { readRetryAfter, type RetryPolicy } from "./retries.js";
export { verifyWebhook, WebhookVerificationError, type WebhookMessage } from "./webhook.js";

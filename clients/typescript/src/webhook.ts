import { HiirClientError } from "./errors.js";

/** The webhook is not signed by the service, or is too old. */
export class WebhookVerificationError extends HiirClientError {
  override readonly name = "WebhookVerificationError";
}

/** A verified webhook. The same `id` may arrive twice. */
export interface WebhookMessage {
  id: string;
  type: string;
  timestamp: number;
  data: unknown;
}

/**
 * The message of a request's unchanged body, if the service has signed it
 * (https://github.com/standard-webhooks/standard-webhooks, spec 1.0).
 *
 * `secrets` are `whsec_` and the key in base64; during a rotation pass the old and the new one.
 */
export async function verifyWebhook(
  body: string,
  headers: Headers | Record<string, string>,
  secrets: string | readonly string[],
  { tolerance = 300, now = Date.now() / 1000 }: { tolerance?: number; now?: number } = {},
): Promise<WebhookMessage> {
  const given = new Headers(headers);
  const [id, stamp, signatures] = ["id", "timestamp", "signature"].map(
    (name) => given.get(`webhook-${name}`) ?? "",
  ) as [string, string, string];
  if (!id || !signatures || !/^\d+$/.test(stamp)) {
    throw new WebhookVerificationError("A header is missing or malformed.");
  }
  const age = now - Number(stamp);
  if (Math.abs(age) > tolerance) {
    throw new WebhookVerificationError(`Sent ${Math.round(age)} s ago; ${tolerance} s are allowed.`);
  }
  const content = new TextEncoder().encode(`${id}.${stamp}.${body}`);
  let isSigned = false;
  for (const secret of typeof secrets === "string" ? [secrets] : secrets) {
    const key = await crypto.subtle.importKey(
      "raw", bytes(secret.replace(/^whsec_/, "")), { name: "HMAC", hash: "SHA-256" }, false,
      ["verify"],
    );
    for (const signature of signatures.split(/\s+/)) {
      if (!signature.startsWith("v1,")) continue; // of another version of the specification
      // `verify` compares in constant time.
      isSigned = (await crypto.subtle.verify("HMAC", key, bytes(signature.slice(3)), content))
        || isSigned;
    }
  }
  if (!isSigned) throw new WebhookVerificationError("No signature matches.");
  const message = JSON.parse(body) as { type: string; data: unknown };
  return { id, type: message.type, timestamp: Number(stamp), data: message.data };
}

function bytes(base64: string): Uint8Array<ArrayBuffer> {
  try {
    return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  } catch {
    return new Uint8Array([0]); // matches nothing
  }
}

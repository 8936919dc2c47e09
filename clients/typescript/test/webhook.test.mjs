import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";

import { verifyWebhook, WebhookVerificationError } from "../dist/index.js";

const [OLD, NEW] = ["b2xkIHNlY3JldA==", "bmV3IHNlY3JldA=="].map((key) => `whsec_${key}`);
const BODY = JSON.stringify({ type: "job.completed", data: { id: "j1" } });

function signed(body, secrets, stamp = 1_700_000_000) {
  const signatures = secrets.map((secret) => {
    const key = Buffer.from(secret.slice(6), "base64");
    return `v1,${createHmac("sha256", key).update(`m1.${stamp}.${body}`).digest("base64")}`;
  });
  return { "webhook-id": "m1", "webhook-timestamp": String(stamp),
    "webhook-signature": `v2,abc ${signatures.join(" ")}` };
}

test("a webhook is verified with the old and the new secret", async () => {
  for (const secret of [OLD, NEW]) {
    const message = await verifyWebhook(BODY, signed(BODY, [OLD, NEW]), secret, { now: 1_700_000_010 });
    assert.deepEqual(message, { id: "m1", type: "job.completed", timestamp: 1_700_000_000, data: { id: "j1" } });
  }
  assert.ok(await verifyWebhook(BODY, signed(BODY, [NEW]), [OLD, NEW], { now: 1_700_000_000 }));
});

test("what is changed, old, or signed by others is refused", async () => {
  const headers = signed(BODY, [NEW]);
  for (const [body, given, secret, now] of [
    [`${BODY} `, headers, NEW, 1_700_000_000],
    [BODY, headers, OLD, 1_700_000_000],
    [BODY, headers, NEW, 1_700_000_301],
    [BODY, {}, NEW, 1_700_000_000],
  ]) {
    await assert.rejects(verifyWebhook(body, given, secret, { now }), WebhookVerificationError);
  }
});

// The client against a service that answers from a script.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import { test } from "node:test";

import { ApiError, HiirClient, ResultCorruptError, UnexpectedResponseError } from "../dist/index.js";

const CONTENT = Buffer.from("restored");
const SHA256 = createHash("sha256").update(CONTENT).digest("hex");
const FAST = { firstPause: 0.01, longestPause: 0.01 };

/** Serve the answers one after another, and keep the requests. */
async function serve(t, ...answers) {
  const requests = [];
  const server = createServer(async (request, response) => {
    const body = [];
    for await (const piece of request) body.push(piece);
    requests.push({ method: request.method, url: request.url, headers: request.headers,
      body: Buffer.concat(body).toString("latin1") });
    const answer = answers.shift();
    assert.ok(answer, `one request too many: ${request.method} ${request.url}`);
    await answer(response);
  });
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  t.after(() => { server.closeAllConnections(); server.close(); });
  return { requests, answers, url: `http://127.0.0.1:${server.address().port}` };
}

const json = (body, status = 200, headers = {}) => (response) => {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify(body));
};
const problem = (code, status, { retryable = false, ...headers } = {}) =>
  json({ code, status, title: code, detail: "no", retryable, request_id: "r1" }, status,
    { "content-type": "application/problem+json", ...headers });
const drop = (response) => response.destroy();
const job = (status = "queued", more = {}) =>
  ({ id: "j1", status, error: null, output: { sha256: SHA256 }, ...more });
const file = () => new File(["noisy"], "a.png", { type: "image/png" });

test("an image is submitted, waited for and downloaded", async (t) => {
  const result = (response) => response.writeHead(200, { "content-type": "image/png" }).end(CONTENT);
  const service = await serve(t, json(job(), 202), json(job("succeeded")), result);
  const client = new HiirClient(service.url, { apiKey: "k" });
  const restored = await client.restore(file(), { task: "denoise", lossless: true, quality: 90 });
  assert.equal(Buffer.from(await restored.content.arrayBuffer()).toString(), "restored");
  assert.equal(restored.content.type, "image/png");
  const [submission] = service.requests;
  assert.match(submission.body, /name="lossless"\r\n\r\ntrue/);
  assert.match(submission.body, /name="quality"\r\n\r\n90/);
  assert.match(submission.body, /name="file"; filename="a.png"\r\nContent-Type: image\/png\r\n\r\nnoisy/);
  assert.equal(submission.headers.authorization, "Bearer k");
});

test("a lost reply is repeated with the same key and the same body", async (t) => {
  const service = await serve(t, drop, json(job(), 202));
  const client = new HiirClient(service.url, { retries: FAST });
  assert.equal((await client.jobs.submit(file(), { task: "denoise" })).id, "j1");
  const keys = new Set(service.requests.map((request) => request.headers["idempotency-key"]));
  assert.equal(service.requests.length, 2);
  assert.equal(keys.size, 1);
  assert.match(service.requests[1].body, /noisy/);
});

for (const [header, retried] of [["1", true], ["3600", false], [undefined, true], ["soon", true],
  [new Date(Date.now() - 5000).toUTCString(), true],
  [new Date(Date.now() + 3_600_000).toUTCString(), false]]) {
  test(`a refusal with Retry-After ${header} is ${retried ? "" : "not "}repeated`, async (t) => {
    const headers = header === undefined ? {} : { "retry-after": header };
    const refusal = problem("rate-limited", 429, { retryable: true, ...headers });
    const service = await serve(t, refusal, json(job(), 202));
    const client = new HiirClient(service.url, { retries: FAST });
    const started = Date.now();
    const submitted = client.jobs.submit(file(), { task: "denoise" });
    if (retried) {
      await submitted;
      if (header === "1") assert.ok(Date.now() - started >= 990);
    } else {
      await assert.rejects(submitted, { code: "rate-limited", status: 429, requestId: "r1" });
    }
    assert.equal(service.requests.length, retried ? 2 : 1);
  });
}

test("what is not retryable is not repeated, whatever its status", async (t) => {
  const service = await serve(t, problem("job-already-terminal", 409),
    (response) => response.writeHead(503).end("a proxy"));
  const client = new HiirClient(service.url);
  await assert.rejects(client.jobs.cancel("j1"), { code: "job-already-terminal" });
  await assert.rejects(client.jobs.get("j1"), UnexpectedResponseError);
});

const event = (number, kind, percent, newline = "\n") =>
  [`id: ${number}`, `event: ${kind}`, `data: ${JSON.stringify({ id: "j1", percent })}`, "", ""]
    .join(newline);

test("events resume behind the last complete one", async (t) => {
  const stream = (text, end) => async (response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    for (const letter of text) response.write(letter);
    await new Promise((pause) => setTimeout(pause, 50));
    end(response);
  };
  const cut = event(1, "status", 0) + event(2, "progress", 10, "\r\n") + event(3, "progress", 20).slice(0, 30);
  const rest = `: ping\n\n${event(3, "progress", 20)}${event(4, "completed", 100)}`;
  const service = await serve(t, stream(cut, drop), stream(rest, (response) => response.end()));
  const client = new HiirClient(service.url, { retries: FAST });
  const found = [];
  for await (const { id, kind, job: state } of client.jobs.events("j1")) found.push([id, kind, state.percent]);
  assert.deepEqual(found, [["1", "status", 0], ["2", "progress", 10], ["3", "progress", 20], ["4", "completed", 100]]);
  assert.equal(service.requests[1].headers["last-event-id"], "2");
});

test("a damaged result and the failure of a job are errors", async (t) => {
  const service = await serve(t, (response) => response.writeHead(200).end("damaged"));
  const client = new HiirClient(service.url);
  await assert.rejects(client.jobs.download(job("succeeded")), ResultCorruptError);
  const error = { code: "timeout", detail: "too long", retryable: false };
  await assert.rejects(client.jobs.download(job("failed", { error })), (thrown) => {
    assert.ok(thrown instanceof ApiError);
    assert.deepEqual([thrown.code, thrown.jobId, thrown.status], ["timeout", "j1", undefined]);
    return true;
  });
});

test("pages are followed, and batches waited for", async (t) => {
  const service = await serve(t, json({ jobs: [job()], next_cursor: "c" }),
    json({ jobs: [job()], next_cursor: null }), json({ id: "b1", ended: false }, 202),
    json({ id: "b1", ended: false }), json({ id: "b1", ended: true }));
  const client = new HiirClient(service.url);
  const jobs = [];
  for await (const item of client.jobs.list({ pageSize: 1 })) jobs.push(item);
  assert.equal(jobs.length, 2);
  assert.match(service.requests[1].url, /cursor=c/);
  const batch = await client.batches.submit([file(), file()], { task: "denoise" });
  assert.equal((await client.batches.wait(batch.id)).ended, true);
  assert.equal(service.requests[2].body.match(/name="file"/g).length, 2);
});

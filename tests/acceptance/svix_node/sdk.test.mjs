// The official Svix SDK for JavaScript against a running sender: node --test sdk.test.mjs
// SENDER_URL, SENDER_TOKEN and SINK_URL say where; the sink keeps what /keep/NAME gets.

import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ApiException, Svix, Webhook, WebhookVerificationError } from "svix";

const { SENDER_URL, SENDER_TOKEN, SINK_URL } = process.env;
const EVENT = `invoice.${randomUUID()}`;
const PAYLOAD = { type: EVENT, id: 4711, note: "Grüße" };
const PATIENCE_MS = 20_000;
const STATUS = { success: 0, fail: 2 };
const TRIGGER_MANUAL = 1;

const svix = new Svix(SENDER_TOKEN, { serverUrl: SENDER_URL });

/** Ask again until the answer will do. */
async function until(ask, willDo, what) {
  const end = Date.now() + PATIENCE_MS;
  while (Date.now() < end) {
    const answer = await ask();
    if (willDo(answer)) return answer;
    await sleep(20);
  }
  throw new Error(`waited in vain until ${what}`);
}

/** The first `count` deliveries to /keep/NAME. */
function kept(name, count = 1) {
  const ask = async () => (await fetch(`${SINK_URL}/kept/${name}`)).json();
  return until(ask, (all) => all.length >= count, `${count} deliveries came`);
}

/** The message's only destination, once it has that status. */
function destination(app, message, status) {
  return until(
    async () => (await svix.messageAttempt.listAttemptedDestinations(app.id, message.id)).data,
    ([first]) => first?.status === status,
    `the delivery has status ${status}`
  );
}

/** A new application, and an endpoint of it that keeps what it gets. */
async function tenant() {
  const name = randomUUID();
  const app = await svix.application.create({ name: "Acme" });
  const endpoint = await svix.endpoint.create(app.id, { url: `${SINK_URL}/keep/${name}` });
  return { app, endpoint, name };
}

const publish = (app, more) =>
  svix.message.create(app.id, { eventType: EVENT, payload: PAYLOAD, ...more });

const refusal = (status, code) => (error) => {
  assert(error instanceof ApiException);
  assert.equal(error.code, status);
  if (code) assert.equal(error.body.code, code);
  return true;
};

before(() => {
  const schemas = { 1: { type: "object", examples: [{ id: 1 }] } };
  return svix.eventType.create({ name: EVENT, description: "An invoice was paid", schemas });
});

test("applications are created, got or created, patched, replaced and deleted", async () => {
  const uid = randomUUID();
  const made = await svix.application.create({ name: "Acme", uid, metadata: { tier: "gold" } });
  assert.equal((await svix.application.get(uid)).id, made.id);
  assert(made.createdAt instanceof Date);
  const got = await svix.application.getOrCreate({ name: "Other", uid });
  assert.deepEqual([got.id, got.name], [made.id, "Acme"]);

  const patched = await svix.application.patch(uid, { name: "Acme II" });
  assert.deepEqual([patched.name, patched.metadata], ["Acme II", { tier: "gold" }]);
  const replaced = await svix.application.upsert(uid, { name: "Acme III", uid });
  assert.deepEqual([replaced.id, replaced.metadata], [made.id, {}]);

  await assert.rejects(svix.application.create({ name: "Twin", uid }), refusal(409, "conflict"));
  await svix.application.delete(uid);
  await assert.rejects(svix.application.get(made.id), refusal(404, "not_found"));
});

test("event types are created, patched, replaced, listed and archived", async () => {
  const name = `user.${randomUUID()}`;
  const schemas = { 1: { type: "object" } };
  const made = await svix.eventType.create({ name, description: "A user", schemas });
  assert.deepEqual([made.name, made.schemas], [name, schemas]);
  assert.equal((await svix.eventType.patch(name, { deprecated: true })).deprecated, true);
  const replaced = await svix.eventType.upsert(name, { description: "Somebody" });
  assert.equal(replaced.description, "Somebody");
  await svix.eventType.delete(name);
  const { data } = await svix.eventType.list({ limit: 250 });
  assert(!data.some((each) => each.name === name));
});

test("an endpoint has event types, channels, headers and metadata", async () => {
  const { app, name } = await tenant();
  const secret = `whsec_${randomBytes(32).toString("base64")}`;
  const url = `${SINK_URL}/keep/${name}-2`;
  const made = await svix.endpoint.create(app.id, {
    url,
    uid: "billing",
    description: "Billing",
    eventTypes: [EVENT],
    channels: ["project_1"],
    metadata: { team: "billing" },
    secret,
  });
  assert.deepEqual([made.eventTypes, made.channels], [[EVENT], ["project_1"]]);
  assert.deepEqual(made.metadata, { team: "billing" });
  assert.equal((await svix.endpoint.getSecret(app.id, "billing")).key, secret);

  const headers = { "X-Tenant": "acme", Authorization: "Bearer t0p" };
  await svix.endpoint.setHeaders(app.id, "billing", { headers });
  await svix.endpoint.patchHeaders(app.id, "billing", { headers: { "X-New": "1" } });
  const shown = await svix.endpoint.getHeaders(app.id, "billing");
  assert.equal(Object.keys(shown.headers).length, 2);
  assert.equal(shown.sensitive.length, 1);

  const sent = await publish(app, { channels: ["project_1"] });
  const [delivered] = await kept(`${name}-2`);
  assert.equal(delivered.headers["webhook-id"], sent.id);
  assert.equal(delivered.headers["x-tenant"], "acme");
  assert.equal(delivered.headers["authorization"], "Bearer t0p");
});

test("an endpoint is patched, upserted, listed and deleted", async () => {
  const { app, endpoint } = await tenant();
  const patch = { description: "New", disabled: true };
  const patched = await svix.endpoint.patch(app.id, endpoint.id, patch);
  assert.deepEqual([patched.description, patched.disabled], ["New", true]);
  const upsert = { url: `${endpoint.url}-2` };
  const replaced = await svix.endpoint.upsert(app.id, endpoint.id, upsert);
  assert.deepEqual([replaced.id, replaced.disabled], [endpoint.id, false]);
  await svix.endpoint.delete(app.id, endpoint.id);
  assert.deepEqual((await svix.endpoint.list(app.id)).data, []);
});

test("a delivery verifies, and not with another secret", async () => {
  const { app, endpoint, name } = await tenant();
  const message = await publish(app, { eventId: "evt_1" });
  assert.equal(message.eventId, "evt_1");
  const [delivered] = await kept(name);
  const { key } = await svix.endpoint.getSecret(app.id, endpoint.id);

  new Webhook(key).verify(delivered.body, delivered.headers);
  assert.deepEqual(JSON.parse(delivered.body), PAYLOAD);
  assert.equal(delivered.headers["svix-id"], message.id);
  const other = new Webhook(`whsec_${randomBytes(32).toString("base64")}`);
  assert.throws(
    () => other.verify(delivered.body, delivered.headers),
    WebhookVerificationError
  );
});

test("an event id is taken once, an idempotency key answered alike", async () => {
  const { app } = await tenant();
  await publish(app, { eventId: "evt_2" });
  await assert.rejects(publish(app, { eventId: "evt_2" }), refusal(409, "conflict"));

  const options = { idempotencyKey: randomUUID() };
  const again = () => svix.message.create(app.id, { eventType: EVENT, payload: PAYLOAD }, options);
  assert.equal((await again()).id, (await again()).id);
  const listed = await svix.message.list(app.id, { withContent: true });
  assert.deepEqual(
    listed.data.map((each) => each.payload),
    [PAYLOAD, PAYLOAD]
  );
});

test("attempts are listed and read, a message is sent again", async () => {
  const { app, endpoint, name } = await tenant();
  const message = await publish(app);
  await destination(app, message, STATUS.success);
  const [attempt] = (await svix.messageAttempt.listByMsg(app.id, message.id)).data;
  assert.deepEqual([attempt.responseStatusCode, attempt.status], [200, STATUS.success]);
  const read = await svix.messageAttempt.get(app.id, message.id, attempt.id);
  assert.deepEqual([read.id, read.endpointId], [attempt.id, endpoint.id]);
  const { data } = await svix.messageAttempt.listAttemptedMessages(app.id, endpoint.id);
  assert.deepEqual(
    data.map((each) => [each.id, each.status]),
    [[message.id, STATUS.success]]
  );

  await svix.messageAttempt.resend(app.id, message.id, endpoint.id);
  const ids = (await kept(name, 2)).map((each) => each.headers["webhook-id"]);
  assert.deepEqual(ids, [message.id, message.id]);
  const attempts = await until(
    async () => (await svix.messageAttempt.listByEndpoint(app.id, endpoint.id)).data,
    (all) => all.length === 2,
    "both attempts are logged"
  );
  assert.equal(attempts[0].triggerType, TRIGGER_MANUAL);
});

test("what failed is recovered", async () => {
  const since = new Date(Date.now() - 60_000);
  const { app, endpoint, name } = await tenant();
  const url = `${SINK_URL}/status/500/${name}`;
  await svix.endpoint.patch(app.id, endpoint.id, { url });
  const message = await publish(app);
  await destination(app, message, STATUS.fail);

  await svix.endpoint.patch(app.id, endpoint.id, { url: endpoint.url });
  const task = await svix.endpoint.recover(app.id, endpoint.id, { since });
  assert.match(task.id, /^qtask_/);
  await destination(app, message, STATUS.success);
  const stats = await svix.endpoint.getStats(app.id, endpoint.id);
  assert.deepEqual([stats.success, stats.fail, stats.pending], [1, 0, 0]);
});

test("a rotated secret signs beside the old one", async () => {
  const { app, endpoint, name } = await tenant();
  const old = await svix.endpoint.getSecret(app.id, endpoint.id);
  await svix.endpoint.rotateSecret(app.id, endpoint.id, {});
  const fresh = await svix.endpoint.getSecret(app.id, endpoint.id);
  assert.notEqual(fresh.key, old.key);

  await publish(app);
  const [delivered] = await kept(name);
  for (const { key } of [old, fresh]) {
    new Webhook(key).verify(delivered.body, delivered.headers);
  }
});

test("an example is sent", async () => {
  const { app, endpoint, name } = await tenant();
  const sent = await svix.endpoint.sendExample(app.id, endpoint.id, { eventType: EVENT });
  const [delivered] = await kept(name);
  assert.equal(delivered.headers["webhook-id"], sent.id);
  assert.deepEqual(JSON.parse(delivered.body), { id: 1 });
});

test("a portal token opens its application and no other", async () => {
  const { app, endpoint } = await tenant();
  const { token } = await svix.authentication.appPortalAccess(app.id, {});
  const portal = new Svix(token, { serverUrl: SENDER_URL });
  const listed = await portal.endpoint.list(app.id);
  assert.deepEqual(
    listed.data.map((each) => each.id),
    [endpoint.id]
  );
  const other = await svix.application.create({ name: "Other" });
  await assert.rejects(portal.endpoint.list(other.id), refusal(404));
  await assert.rejects(portal.application.list(), refusal(403));
});

test("pages lead to the end and back", async () => {
  const { app } = await tenant();
  for (let number = 0; number < 5; number++) await publish(app);
  const pages = [];
  let page;
  let iterator = null;
  do {
    page = await svix.message.list(app.id, { limit: 2, iterator });
    pages.push(page.data.map((each) => each.id));
    iterator = page.iterator;
  } while (!page.done);
  assert.equal(new Set(pages.flat()).size, 5);

  const back = [pages.at(-1)];
  while (back.length < pages.length) {
    page = await svix.message.list(app.id, { limit: 2, iterator: page.prevIterator });
    back.unshift(page.data.map((each) => each.id));
  }
  assert.deepEqual(back, pages);
});

test("refusals are ApiExceptions with a code", async () => {
  const { app } = await tenant();
  await assert.rejects(svix.message.get(app.id, `msg_${"0".repeat(27)}`), refusal(404, "not_found"));
  const wrong = svix.endpoint.create(app.id, { url: "ftp://example.com" });
  await assert.rejects(wrong, (error) => {
    refusal(422)(error);
    const [first] = error.body.detail;
    return Boolean(first.loc.length && first.msg && first.type);
  });
  const stranger = new Svix("not-a-token", { serverUrl: SENDER_URL });
  await assert.rejects(stranger.application.list(), refusal(401, "authentication_failed"));
});

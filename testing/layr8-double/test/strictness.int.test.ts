import { describeUnless } from "@parley/test-assertions";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { DoubleAgents, DoubleNode, missingPython } from "../src/index.ts";
import { ECHO, KEY } from "./scene.ts";

const ALICE = "did:web:localhost:alice";
const PARENT = "did:web:localhost:parent";
const CHILD = `${PARENT}:child`;
const context = { recipient: ALICE, authorized: true, sender_credentials: [] };
const plaintext = { id: "1", type: `${ECHO}/request`, from: "did:web:localhost:bob", to: [ALICE], body: {} };
const REPORT = "https://didcomm.org/report-problem/2.0/problem-report";

describeUnless(missingPython(), "a double of layr8's SDKs", () => {
  let node: DoubleNode;

  beforeAll(async () => {
    node = await DoubleNode.start({ apiKey: KEY });
  });

  afterAll(() => node.close());

  it.each<[violation: string, event: string, payload: object]>([
    ["do not know the event wallet_changed", "wallet_changed", { holder_did: ALICE }],
    ["context is missing", "message", { plaintext }],
    ["message.more is unknown", "message", { context, plaintext, more: 1 }],
    ["context.other is unknown", "message", { context: { ...context, other: 1 }, plaintext }],
    ["context.authorized is wrong", "message", { context: { ...context, authorized: "true" }, plaintext }],
    ["on the topic of", "message", { context: { ...context, recipient: "did:web:localhost:bob" }, plaintext }],
    [
      "context.sender_credentials is wrong",
      "message",
      { context: { ...context, sender_credentials: [{ credential_subject: { name: 7 } }] }, plaintext },
    ],
    ["a message without an id", "message", { context, plaintext: { ...plaintext, id: undefined } }],
    ["thid is not text", "message", { context, plaintext: { ...plaintext, thid: null } }],
    ["to is not a list", "message", { context, plaintext: { ...plaintext, to: ALICE } }],
    ["body is not an object", "message", { context, plaintext: { ...plaintext, body: [] } }],
    ["lastmod_time", "message", { context, plaintext: { ...plaintext, attachments: [{ data: {}, lastmod_time: "yesterday" }] } }],
    ["a problem report without a code", "message", { context, plaintext: { ...plaintext, type: REPORT, thid: "t", body: {} } }],
    ["names no thread", "message", { context, plaintext: { ...plaintext, type: REPORT, body: { code: "e.p.x" } } }],
    [
      "a denial has no thid",
      "message",
      {
        context,
        plaintext: { ...plaintext, type: REPORT, thid: "t", pthid: "t", attachments: [{ data: {} }], body: { code: "e.m.authz.denied" } },
      },
    ],
    ["without having been asked", "delegated_credentials", { revision: 1, status: "complete", credentials: [] }],
  ])("ends at a push of its node: %s", async (violation, event, payload) => {
    const doubles = new DoubleAgents();
    await doubles.agent({ url: node.url, apiKey: KEY, did: ALICE });
    await node.push(ALICE, event, payload);
    expect(await doubles.failure()).toContain(`violation of the wire: `);
    expect(await doubles.failure()).toContain(violation);
    await expect(doubles.close()).rejects.toThrow(violation);
  });

  it.each<[violation: string, payload: object]>([
    ["revision is wrong", { revision: -1, status: "complete", credentials: [] }],
    ["status is wrong", { revision: 1, status: "unread", credentials: [] }],
    ["is not newer", { revision: 0, status: "complete", credentials: [] }],
    ["is missing", { revision: 1, status: "complete" }],
    [
      "delegated credential.id is missing",
      { revision: 1, status: "complete", credentials: [{ parent_capability: "p", credential_jwt: "a.b.c" }] },
    ],
    ["not a compact JWS", { revision: 1, status: "complete", credentials: [{ id: "i", parent_capability: "p", credential_jwt: "a.b.c" }] }],
  ])("ends at a push of delegated credentials: %s", async (violation, payload) => {
    const doubles = new DoubleAgents();
    await doubles.agent({ url: node.url, apiKey: KEY, did: CHILD, parent: PARENT });
    await node.push(CHILD, "delegated_credentials", payload);
    expect(await doubles.failure()).toContain(violation);
  });
});

describeUnless(missingPython(), "a double of layr8's node", () => {
  const did_spec = {
    mode: "Create",
    storage: "persistent",
    type: "plugin",
    verificationMethods: [{ purpose: "authentication" }, { purpose: "assertionMethod" }, { purpose: "keyAgreement" }],
  };
  const join = { payload_types: ["https://didcomm.org/report-problem/2.0"], did_spec, reply_protocol: true };
  const topic = `plugins:${ALICE}`;
  const joined = ["1", "1", topic, "phx_join", join];

  describe.each<[violation: string, ...frames: unknown[]]>([
    ["join.capabilities is unknown", ["1", "1", topic, "phx_join", { ...join, capabilities: [] }]],
    ["did_spec.parentRole is unknown", ["1", "1", topic, "phx_join", { ...join, did_spec: { ...did_spec, parentRole: "admin" } }]],
    ["always has the protocol of problem reports", ["1", "1", topic, "phx_join", { ...join, payload_types: [] }]],
    ["the join_ref of a join is its ref", ["1", "2", topic, "phx_join", join]],
    ["delegation_refresh is for a DID with a parent", ["1", "1", topic, "phx_join", { ...join, delegation_refresh: true }]],
    ["a frame has five elements", ["1", "1", topic, "phx_join"]],
    ["without a ref", joined, ["1", null, topic, "message", plaintext]],
    ["twice on one connection", joined, ["1", "1", topic, "message", plaintext]],
    ["which is not joined", ["1", "1", topic, "message", plaintext]],
    ["does not know the event", joined, ["1", "2", topic, "subscribe", {}]],
    ["on the topic of", joined, ["1", "2", topic, "message", plaintext]],
    ["message.unknown is unknown", joined, ["1", "2", topic, "message", { ...plaintext, from: ALICE, unknown: 1 }]],
    ["which is not in flight", joined, ["1", "2", topic, "dispatch_reply", { message_id: "x", status: "handled" }]],
    ["an ack although", joined, ["1", "2", topic, "ack", { ids: ["x"] }]],
    ["a leave without the join_ref", joined, [null, "2", topic, "phx_leave", {}]],
  ])("ends at a frame of an agent", (violation, ...frames) => {
    it(violation, async () => {
      const node = await DoubleNode.start({ apiKey: KEY });
      const socket = new WebSocket(`${node.url}?vsn=2.0.0`, { headers: { "x-api-key": KEY }, perMessageDeflate: false });
      socket.on("error", () => {});
      await new Promise((resolve) => socket.on("open", resolve));
      for (const frame of frames) socket.send(JSON.stringify(frame));
      expect(await node.failure()).toContain(violation);
      socket.terminate();
    });
  });

  it("ends at an upgrade with another query, and at several frames in a message", async () => {
    const node = await DoubleNode.start({ apiKey: KEY });
    const socket = new WebSocket(`${node.url}?vsn=2.0.0&trace=1`, { headers: { "x-api-key": KEY } });
    socket.on("error", () => {});
    expect(await node.failure()).toContain("the query of an upgrade");
    const other = await DoubleNode.start({ apiKey: KEY });
    const batching = new WebSocket(`${other.url}?vsn=2.0.0`, { headers: { "x-api-key": KEY }, perMessageDeflate: false });
    batching.on("error", () => {});
    await new Promise((resolve) => batching.on("open", resolve));
    batching.send(`${JSON.stringify(joined)}\n${JSON.stringify([null, "2", "phoenix", "heartbeat", {}])}`);
    expect(await other.failure()).toContain("several frames in one message");
    for (const each of [socket, batching]) each.terminate();
  });
});

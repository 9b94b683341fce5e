import { protocolOf, type JsonObject } from "@parley/core";
import fc from "fast-check";
import { gateOrSoak } from "@parley/test-assertions";
import { describe, expect, it } from "vitest";

import { ErrorKind, type InboundMessage } from "../src/index.ts";
import { ALICE, ECHO, ECHO_REPLY, MODES, plaintext, REPORT, settled, setUp } from "./support.ts";

const OTHER = "https://didcomm.org/basicmessage/2.0/message";

async function echoing(options?: Parameters<typeof setUp>[0]) {
  const parts = setUp(options);
  const seen: InboundMessage[] = [];
  parts.client.handle(ECHO, (message) => void seen.push(message));
  await parts.client.connect();
  return { ...parts, seen, connection: parts.transport.connection };
}

describe("dispatch", () => {
  it("prefers the exact handler to the catch-all", async () => {
    const { client, transport } = setUp();
    const seen: string[] = [];
    client.handleAll(({ type }) => void seen.push(`all ${type}`));
    client.handle(ECHO, () => void seen.push("exact"));
    await client.connect();
    transport.connection.deliver(plaintext());
    transport.connection.deliver(plaintext({ type: OTHER }));
    await settled();
    expect(seen).toEqual(["exact", `all ${OTHER}`]);
    await client.close();
  });

  it("passes a message without a handler, and reports it", async () => {
    const { client, connection, errors } = await echoing();
    const delivered = connection.deliver(plaintext({ type: OTHER, id: "m1" }));
    await settled();
    expect(delivered.outcome).toEqual({ status: "pass" });
    expect(errors).toMatchObject([{ kind: ErrorKind.NO_HANDLER, messageId: "m1", type: OTHER, from: ALICE }]);
    await client.close();
  });

  it("prefers the exact handler to that of the protocol, and that to the catch-all", async () => {
    const { client, transport } = setUp();
    const seen: string[] = [];
    client.handleAll(({ type }) => void seen.push(`all ${type}`));
    client.handle(ECHO, () => void seen.push("exact"));
    client.handleProtocol(protocolOf(ECHO) ?? "", ({ type }) => void seen.push(`protocol ${type}`));
    expect(() => client.handleProtocol(protocolOf(ECHO) ?? "", () => undefined)).toThrow(/already/);
    expect(() => client.handleProtocol("echo", () => undefined)).toThrow(TypeError);
    expect(() => client.handleProtocol("https://x.example/y/1.0", () => undefined, { reports: 1 as never })).toThrow(/"reports" must be/);
    await client.connect();
    for (const type of [ECHO, ECHO_REPLY, OTHER]) transport.connection.deliver(plaintext({ type, id: type }));
    await settled();
    expect(seen).toEqual(["exact", `protocol ${ECHO_REPLY}`, `all ${OTHER}`]);
    await client.close();
  });

  it("passes the problem reports that a protocol's handler selects to it, until it acknowledges them", async () => {
    const { client, transport, errors } = setUp();
    const seen: InboundMessage[] = [];
    const reports = ({ threadId }: { readonly threadId?: string }): boolean => threadId === "ours";
    client.handleProtocol(protocolOf(ECHO) ?? "", (message) => void seen.push(message), { manualAck: true, reports });
    await client.connect();
    const body = { code: "e.m.authz.denied", comment: "no" };
    const ours = transport.connection.deliver(plaintext({ type: REPORT, id: "r1", thid: "ours", body }));
    const other = transport.connection.deliver(plaintext({ type: REPORT, id: "r2", thid: "other", body }));
    await settled();
    expect(seen.map(({ id }) => id)).toEqual(["r1"]);
    expect([ours.outcome, other.outcome]).toEqual([undefined, { status: "handled" }]);
    expect(errors).toHaveLength(1);
    seen[0]?.ack();
    expect(ours.outcome).toEqual({ status: "handled" });
    await client.close();
  });

  it("acknowledges a report that no request waits for, and reports it once", async () => {
    const { client, transport, errors } = setUp();
    let caught = 0;
    client.handleAll(() => void caught++);
    await client.connect();
    const report = plaintext({ type: REPORT, thid: "gone", body: { code: "e.m.authz.denied", comment: "no" } });
    const deliveries = [transport.connection.deliver(report), transport.connection.deliver(report)];
    await settled();
    expect(deliveries.map(({ outcome }) => outcome)).toEqual([{ status: "handled" }, { status: "handled" }]);
    expect(errors).toMatchObject([{ kind: ErrorKind.SERVER_REJECT, cause: { code: "e.m.authz.denied", comment: "no" } }]);
    expect(caught).toBe(0);
    await client.close();
  });

  it("passes the message to the handler with the node's information about it", async () => {
    const { client, connection, seen } = await echoing();
    const context = {
      recipient: "did:example:bob",
      authorized: true,
      sender_credentials: [{ credential_subject: { id: ALICE, name: "Alice" } }],
      attempt: 2,
    };
    connection.deliver(plaintext({ id: "m1", custom: 1, thid: "t" }), "outcome", context);
    await settled();
    expect(seen[0]).toMatchObject({
      id: "m1",
      type: ECHO,
      from: ALICE,
      threadId: "t",
      headers: { custom: 1 },
      context: {
        recipient: "did:example:bob",
        authorized: true,
        senderCredentials: [{ credentialSubject: { id: ALICE, name: "Alice" } }],
        attempt: 2,
      },
    });
    await client.close();
  });
});

describe("a malformed delivery", () => {
  it.each<[string, unknown]>([
    ["no object", 7],
    ["null", null],
    ["a list", []],
    ["no id", { type: ECHO }],
    ["an id that is not a string", { id: {}, type: ECHO }],
    ["no type", { id: "1" }],
    ["an invalid body", plaintext({ body: "text" })],
    ["invalid recipients", plaintext({ to: 7 })],
    ["a type of another kind", plaintext({ typ: "application/didcomm-encrypted+json" })],
  ])("is reported with what arrived, and settled: %s", async (_name, raw) => {
    const { client, connection, errors, seen } = await echoing();
    const outcome = connection.deliver(raw, "outcome");
    const first = connection.deliver(raw, "first");
    await settled();
    expect(errors).toMatchObject([
      { kind: ErrorKind.PARSE_FAILURE, raw },
      { kind: ErrorKind.PARSE_FAILURE, raw },
    ]);
    expect(outcome.outcome).toMatchObject({ status: "error", code: "e.p.msg.malformed" });
    expect(first.outcome).toEqual({ status: "handled" });
    connection.deliver(plaintext());
    await settled();
    expect(seen).toHaveLength(1);
    await client.close();
  });

  it("costs a message its bad attachments only", async () => {
    const { client, connection, errors, seen } = await echoing();
    const attachments = [{ data: { base64: "aGk" } }, { data: 7 }, 9];
    connection.deliver(plaintext({ attachments: attachments.slice(0, 2) }));
    connection.deliver(plaintext({ attachments }));
    await settled();
    expect(seen.map((message) => message.attachments?.length)).toEqual([1, 1]);
    expect(errors).toMatchObject([
      { kind: ErrorKind.PARSE_FAILURE, cause: { code: "attachment_invalid" } },
      { kind: ErrorKind.PARSE_FAILURE, cause: { message: "2 attachments are malformed" } },
    ]);
    await client.close();
  });

  it("never breaks the client", async () => {
    const { client, connection, seen } = await echoing();
    const members = fc.dictionary(
      fc.constantFrom("id", "type", "from", "to", "thid", "pthid", "body", "attachments", "trace_context", "code", "args"),
      fc.oneof(fc.jsonValue(), fc.constantFrom(ECHO, ECHO_REPLY, REPORT, ALICE)),
    );
    await fc.assert(
      fc.asyncProperty(members, fc.jsonValue(), fc.constantFrom(...MODES), async (raw, context, mode) => {
        const delivered = connection.deliver(raw, mode, context);
        await settled();
        expect(delivered.outcome).toBeDefined();
      }),
      { numRuns: gateOrSoak(100, 3000) },
    );
    const before = seen.length;
    connection.deliver(plaintext());
    await settled();
    expect(seen).toHaveLength(before + 1);
    await client.close();
  });
});

describe("duplicates", () => {
  it("are the same recipient, sender and id; never the id alone", async () => {
    const { client, connection, seen } = await echoing();
    const deliver = (members: JsonObject, recipient?: string) =>
      connection.deliver(plaintext({ id: "same", ...members }), "outcome", { ...(recipient !== undefined && { recipient }) });
    const deliveries = [
      deliver({}),
      deliver({}),
      deliver({}, "did:example:bob"),
      deliver({ from: "did:example:carol" }),
      deliver({ from: undefined }),
      deliver({}, "did:example:bob-too"),
      deliver({ from: ALICE.slice(0, -1), id: "esame" }),
    ];
    await settled();
    expect(seen).toHaveLength(5);
    expect(deliveries.every(({ outcome }) => outcome?.status === "handled")).toBe(true);
    await client.close();
  });

  it("are detected among a bounded number of recent messages", async () => {
    const { client, connection, seen } = await echoing({ duplicateMemory: 2 });
    for (const id of ["a", "b", "c", "b", "a"]) connection.deliver(plaintext({ id }));
    await settled();
    expect(seen.map(({ id }) => id)).toEqual(["a", "b", "c", "a"]);
    await client.close();
  });

  it("are known across connections of one client", async () => {
    const { client, transport, seen } = await echoing();
    const message = plaintext();
    transport.connection.deliver(message);
    await settled();
    transport.connection.deliveries.fail(new Error("gone"));
    await settled();
    await client.connect();
    const again = transport.connection.deliver(message);
    await settled();
    expect(seen).toHaveLength(1);
    expect(again.outcome).toEqual({ status: "handled" });
    await client.close();
  });
});

describe("many messages", () => {
  it("are handled a bounded number at a time, in order, each acknowledged when its handler starts", async () => {
    const { client, transport } = setUp({ maxConcurrentHandlers: 3 });
    let running = 0;
    let most = 0;
    const started: string[] = [];
    client.handle(ECHO, async ({ id }) => {
      started.push(id);
      most = Math.max(most, ++running);
      await settled();
      running--;
    });
    await client.connect();
    const ids = Array.from({ length: 20 }, (_, index) => `m${index}`);
    const deliveries = ids.map((id) => transport.connection.deliver(plaintext({ id }), "first"));
    await settled();
    expect(deliveries[19]?.outcome).toBeUndefined();
    await expect.poll(() => deliveries[19]?.outcome).toBeDefined();
    expect(most).toBe(3);
    expect(started).toEqual(ids);
    expect(deliveries.every(({ outcome }) => outcome?.status === "handled")).toBe(true);
    await client.close();
  });

  it("wait in bounded number: the rest is left to the node", async () => {
    let finish = () => {};
    const { client, transport, errors } = setUp({ maxConcurrentHandlers: 1, maxQueuedMessages: 1 });
    client.handle(ECHO, () => new Promise<void>((resolve) => (finish = resolve)));
    await client.connect();
    const { connection } = transport;
    connection.deliver(plaintext());
    connection.deliver(plaintext());
    const left = connection.deliver(plaintext({ id: "left" }));
    await settled();
    expect(left.outcome).toBeUndefined();
    expect(errors).toMatchObject([{ kind: ErrorKind.HANDLER_EXCEPTION, messageId: "left", cause: { code: "overloaded" } }]);
    finish();
    await settled();
    const again = connection.deliver(plaintext({ id: "left" }));
    finish();
    await settled();
    finish();
    await settled();
    expect(again.outcome).toEqual({ status: "handled" });
    await client.close();
  });
});

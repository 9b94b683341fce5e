import { RejectedError, NodeTransportError, type JsonObject, type MessageInit } from "@parley/core";
import { createMemoryLink } from "@parley/core/memory";
import { describe, expect, it, onTestFinished, vi } from "vitest";

import {
  AlreadyConnectedError,
  Client,
  ClientClosedError,
  ConnectionError,
  DisconnectedError,
  ErrorKind,
  NotConnectedError,
  ServerRejectError,
  type ConnectOptions,
  type HandlerOptions,
  type RequestOptions,
  type SendOptions,
} from "../src/index.ts";
import { ALICE, BOB, collectErrors, ECHO, ECHO_REPLY, MODES, plaintext, settled, setUp, type FakeConnection } from "./support.ts";

const never = () => new Promise<never>(() => {});
const hello = { type: ECHO, to: ALICE, body: { message: "hello" } };

describe("two agents over a memory link", () => {
  it.each(MODES)("exchange a request and a response (acknowledge: %s)", async (acknowledge) => {
    const link = createMemoryLink({ acknowledge });
    const { errors, onError } = collectErrors();
    await using alice = new Client({ agentDid: ALICE, transport: link.left }, onError);
    await using bob = new Client({ agentDid: BOB, transport: link.right }, onError);
    bob.handle(ECHO, ({ body }) => ({ type: ECHO_REPLY, body }));
    await Promise.all([alice.connect(), bob.connect()]);
    const asked = Array.from({ length: 200 }, (_, index) => alice.request({ type: ECHO, to: BOB, body: { index } }));
    const answers = await Promise.all(asked);
    expect(answers.map(({ body }) => body["index"])).toEqual(answers.map((_, index) => index));
    expect(answers[0]).toMatchObject({ from: BOB, to: [ALICE], type: ECHO_REPLY, context: { recipient: ALICE, authorized: true } });
    expect(errors).toEqual([]);
  });

  it.each(MODES)("survive a cut without running a handler twice (acknowledge: %s)", async (acknowledge) => {
    const link = createMemoryLink({ acknowledge });
    const { onError } = collectErrors();
    await using alice = new Client({ agentDid: ALICE, transport: link.left }, onError);
    await using bob = new Client({ agentDid: BOB, transport: link.right }, onError);
    const seen: unknown[] = [];
    bob.handle(ECHO, ({ body }) => void seen.push(body["n"]));
    await Promise.all([alice.connect(), bob.connect()]);
    await alice.send({ type: ECHO, to: BOB, body: { n: 1 } });
    // The second message is handed over, but the link is cut before anything can be settled.
    const sending = alice.send({ type: ECHO, to: BOB, body: { n: 2 } });
    link.cut();
    await sending;
    await settled();
    link.restore();
    await settled();
    expect(seen).toEqual([1, 2]);
    link.cut();
    link.restore();
    await settled();
    expect(seen).toEqual([1, 2]);
  });
});

describe("connect", () => {
  it("announces each protocol once, and a wildcard for a catch-all", async () => {
    const { client, transport } = setUp();
    client.handle(ECHO, () => {});
    client.handle(ECHO_REPLY, () => {});
    client.handle("https://didcomm.org/basicmessage/2.0/message", () => {});
    client.handleAll(() => {});
    expect(await client.connect()).toBe(client);
    expect(transport.attempts[0]?.protocols).toEqual(["https://layr8.io/protocols/echo/1.0", "https://didcomm.org/basicmessage/2.0", "*"]);
    expect(client.connected).toBe(true);
    await client.close();
  });

  it("refuses a second call, while the first is under way and after it", async () => {
    const { client } = setUp();
    const first = client.connect();
    await expect(client.connect()).rejects.toBeInstanceOf(AlreadyConnectedError);
    await first;
    await expect(client.connect()).rejects.toMatchObject({ code: "already_connected" });
    await client.close();
  });

  it.each([
    [new NodeTransportError("connect_failed", "refused"), { code: "connect_failed", retryable: true }],
    [new NodeTransportError("unauthorized", "bad key"), { code: "unauthorized", retryable: false }],
    [
      new RejectedError("join_refused", "no", "e.connect.plugin.failed: protocols_already_bound"),
      { code: "join_refused", retryable: false, reason: "e.connect.plugin.failed: protocols_already_bound" },
    ],
    [new Error("what?"), { code: "connect_failed", retryable: false }],
  ])("keeps the transport's code when it fails, and may be called again: %s", async (cause, expected) => {
    const { client, transport } = setUp();
    transport.onConnect = () => Promise.reject(cause);
    const failure = client.connect();
    await expect(failure).rejects.toBeInstanceOf(ConnectionError);
    await expect(failure).rejects.toMatchObject({ ...expected, cause });
    transport.onConnect = async () => {};
    await client.connect();
    await client.close();
  });

  it("ends with the signal's reason when aborted", async () => {
    const { client, transport } = setUp();
    transport.onConnect = ({ signal }) =>
      new Promise((_resolve, reject) => signal?.addEventListener("abort", () => reject(signal.reason as Error)));
    const abort = new AbortController();
    const connecting = client.connect({ signal: abort.signal });
    const reason = new Error("enough");
    abort.abort(reason);
    await expect(connecting).rejects.toBe(reason);
    await expect(client.connect({ signal: abort.signal })).rejects.toBe(reason);
    expect(transport.attempts).toHaveLength(1);
  });
});

describe("handle", () => {
  it("rejects an invalid type, a second handler, and a handler after connect", async () => {
    const { client } = setUp();
    expect(() => client.handle("echo", () => {})).toThrow(TypeError);
    expect(() => client.handle(ECHO, "no function" as never)).toThrow(TypeError);
    expect(() => client.handle(ECHO, () => {}, { schema: {} as never })).toThrow(/Standard Schema/);
    client.handle(ECHO, () => {});
    expect(() => client.handle(ECHO, () => {})).toThrow(/already/);
    client.handleAll(() => {});
    expect(() => client.handleAll(() => {})).toThrow(TypeError);
    await client.connect();
    expect(() => client.handle(ECHO_REPLY, () => {})).toThrow(AlreadyConnectedError);
    expect(() => client.handleAll(() => {})).toThrow(AlreadyConnectedError);
    await client.close();
    expect(() => client.handle(ECHO_REPLY, () => {})).toThrow(ClientClosedError);
  });
});

describe("send", () => {
  it("fills what is missing and waits for the node", async () => {
    const { client, transport } = setUp();
    await client.connect();
    let accept = () => {};
    transport.connection.onSend = () => new Promise((resolve) => (accept = resolve));
    let done = false;
    const sending = client.send(hello).then((message) => ((done = true), message));
    await settled();
    expect(done).toBe(false);
    accept();
    const message = await sending;
    expect(message).toMatchObject({ from: BOB, to: [ALICE], type: ECHO });
    expect(transport.connection.sent).toEqual([{ id: message.id, type: ECHO, from: BOB, to: [ALICE], body: { message: "hello" } }]);
    await client.close();
  });

  it.each([
    ["no recipient", { type: ECHO, to: [] }],
    ["no recipients at all", { type: ECHO }],
    ["an invalid type", { type: "echo", to: ALICE }],
    ["no type", { to: ALICE } as never],
    ["an invalid body", { type: ECHO, to: ALICE, body: [] }],
  ])("refuses %s", async (_name, init) => {
    const { client, transport } = setUp();
    await client.connect();
    await expect(client.send(init)).rejects.toBeInstanceOf(TypeError);
    await expect(client.request(init)).rejects.toBeInstanceOf(TypeError);
    expect(transport.connection.sent).toEqual([]);
    await client.close();
  });

  it("rejects when the node refuses, with the node's reason", async () => {
    const { client, transport, errors } = setUp();
    await client.connect();
    transport.connection.onSend = () => Promise.reject(new RejectedError("rejected", "no", "unauthorized", "e.m.authz.denied"));
    const failure = client.send({ ...hello, id: "m1" });
    await expect(failure).rejects.toBeInstanceOf(ServerRejectError);
    await expect(failure).rejects.toMatchObject({
      code: "server_reject",
      reason: "unauthorized",
      problemCode: "e.m.authz.denied",
      messageId: "m1",
    });
    expect(errors).toEqual([]);
    await client.close();
  });

  it("does not wait with the option for it, and reports a later failure", async () => {
    const { client, transport, errors } = setUp();
    await client.connect();
    const { connection } = transport;
    const refusals = [new RejectedError("rejected", "no", "unauthorized"), new NodeTransportError("write_failed", "no")];
    connection.onSend = () => Promise.reject(refusals.shift() ?? new Error("unexpected"));
    const { id } = await client.send(hello, { fireAndForget: true });
    await client.send(hello, { fireAndForget: true });
    await settled();
    expect(errors).toMatchObject([
      { kind: ErrorKind.SERVER_REJECT, messageId: id, type: ECHO, from: BOB, cause: { reason: "unauthorized" } },
      { kind: ErrorKind.TRANSPORT_WRITE, cause: { code: "write_failed" } },
    ]);
    connection.onSend = never;
    await client.send(hello, { fireAndForget: true });
    await client.close();
  });

  it("fails at once without a link, even with waiting turned off", async () => {
    const { client, transport } = setUp();
    await expect(client.request(hello)).rejects.toBeInstanceOf(NotConnectedError);
    await client.connect();
    transport.connection.drop();
    expect(client.connected).toBe(false);
    await expect(client.send(hello)).rejects.toBeInstanceOf(NotConnectedError);
    await expect(client.send(hello, { fireAndForget: true })).rejects.toBeInstanceOf(NotConnectedError);
    expect(transport.connection.sent).toEqual([]);
    transport.connection.recover();
    await client.send(hello);
    expect(transport.connection.sent).toHaveLength(1);
    await client.close();
    await expect(client.send(hello)).rejects.toMatchObject({ code: "client_closed" });
  });

  it("names the reason for not being connected, and whether waiting helps", async () => {
    const { client, transport } = setUp();
    const failure = () =>
      client.send(hello).then(
        () => undefined,
        (error: unknown) => error as NotConnectedError,
      );
    const [notStarted, never] = [await failure(), "connect() was not called: call it, and await it, before sending"];
    expect(notStarted).toMatchObject({ code: "not_connected", reason: "not_started", retryable: false, message: never });

    transport.onConnect = () => Promise.reject(new NodeTransportError("connect_failed", "The node at ws://x can't be reached"));
    await expect(client.connect()).rejects.toBeInstanceOf(ConnectionError);
    const failed = "The last connect() failed, call it again: The node at ws://x can't be reached";
    expect(await failure()).toMatchObject({ reason: "not_started", retryable: false, message: failed });

    transport.onConnect = async () => {};
    const connecting = client.connect();
    const pending = "connect() has not finished: await it before sending";
    expect(await failure()).toMatchObject({ reason: "connecting", retryable: true, message: pending });
    await connecting;

    transport.connection.drop();
    const lost = /^The link to the node is lost since \d{4}-\d\d-\d\dT[\d:.]+Z; the client reconnects\. Nothing was sent: the link broke/;
    expect(await failure()).toMatchObject({ reason: "reconnecting", retryable: true, message: expect.stringMatching(lost) as string });

    transport.connection.deliveries.fail(new RejectedError("join_refused", "The node refused the join", "unauthorized"));
    await settled();
    const ended = "The connection has ended, and the client doesn't reconnect: The node refused the join";
    expect(await failure()).toMatchObject({ reason: "ended", retryable: false, message: ended });
    await client.close();
    expect(await failure()).toMatchObject({ code: "client_closed" });
  });

  it.each<[string, unknown, RegExp]>([
    ["a recipient that is not a DID", { type: ECHO, to: "echo" }, /message\.to must be a DID.*"echo" is not one/],
    ["a recipient with a space", { type: ECHO, to: ["did:web:alice smith"] }, /the character " "/],
    ["a recipient that is an object", { type: ECHO, to: { did: ALICE } }, /message\.to must be a DID, or a list/],
    ["a sender that is not a DID", { type: ECHO, to: ALICE, from: "bob" }, /message\.from must be a DID/],
    ["a misspelt member", { type: ECHO, to: ALICE, thread_id: "x" }, /Did you mean "message\.threadId"\?/],
    ["a text", "hello", /A message must be an object such as .*, not a string/],
    ["nothing", undefined, /A message must be an object/],
    ["an expiry that is a date", { type: ECHO, to: ALICE, expiresTime: new Date() }, /message\.expiresTime must be seconds/],
    ["a Map in the body", { type: ECHO, to: ALICE, body: { a: [new Map()] } }, /body\.a\[0\]: it is a Map: send Object\.fromEntries/],
    ["bytes in the body", { type: ECHO, to: ALICE, body: { a: new Uint8Array(1) } }, /body\.a: it is bytes: send base64/],
    ["a Buffer as the body", { type: ECHO, to: ALICE, body: Buffer.from("x") }, /carry body: it is bytes/],
    ["NaN in the body", { type: ECHO, to: ALICE, body: { a: { b: Number.NaN } } }, /body\.a\.b: it is NaN/],
    ["a BigInt in the body", { type: ECHO, to: ALICE, body: { a: 1n } }, /body\.a: it is a BigInt: send it as text/],
    ["a Promise in the body", { type: ECHO, to: ALICE, body: { a: Promise.resolve() } }, /a Promise: await it/],
    ["an Error in the body", { type: ECHO, to: ALICE, body: { a: new Error("x") } }, /an Error: send its message/],
    ["a function in the body", { type: ECHO, to: ALICE, body: { at: Date.now } }, /body\.at: it is a function: send what it returns/],
    ["a symbol in the body", { type: ECHO, to: ALICE, body: { a: [Symbol("x")] } }, /body\.a\[0\]: it is a symbol/],
    ["headers of HTTP in the body", { type: ECHO, to: ALICE, body: { h: new Headers() } }, /body\.h: it is a collection/],
    ["a query as the body", { type: ECHO, to: ALICE, body: new URLSearchParams("a=1") }, /a URLSearchParams: send Object\.fromEntries/],
    ["a date as the body", { type: ECHO, to: ALICE, body: new Date(0) }, /body: it is a Date, which JSON doesn't write as an object/],
    ["a body that JSON writes as a text", { type: ECHO, to: ALICE, body: { toJSON: () => "x" } }, /doesn't write as an object/],
    ["an id that is a number", { type: ECHO, to: ALICE, id: 7 }, /message\.id must be a string, not 7/],
    ["a thread that is an object", { type: ECHO, to: ALICE, threadId: {} }, /message\.threadId must be a string, not an object/],
    ["a date of creation that is a text", { type: ECHO, to: ALICE, createdTime: "now" }, /message\.createdTime must be seconds/],
    ["attachments that are not a list", { type: ECHO, to: ALICE, attachments: {} }, /message\.attachments must be a list, not an object/],
    ["an attachment that is a text", { type: ECHO, to: ALICE, attachments: ["x"] }, /message\.attachments\[0\] must be an object/],
    ["an attachment without data", { type: ECHO, to: ALICE, attachments: [{ id: "1" }] }, /attachments\[0\]\.data must be an object/],
    [
      "an attachment with a name of the wire",
      { type: ECHO, to: ALICE, attachments: [{ media_type: "x" }] },
      /mean "message\.attachments\[0\]\.mediaType"/,
    ],
    [
      "an attachment with data of no kind",
      { type: ECHO, to: ALICE, attachments: [{ data: {} }] },
      /data needs base64, json, links or a jws text/,
    ],
    [
      "an attachment with a Map",
      { type: ECHO, to: ALICE, attachments: [{ data: { json: new Map() } }] },
      /attachments\[0\]\.data\.json: it is a Map/,
    ],
    ["a list of types", { type: [ECHO], to: ALICE }, /A message needs a type/],
    ["an API key as the recipient", { type: ECHO, to: "l8_secret" }, /message\.to must be a DID .*: it begins like an API key$/],
    ["an invalid date in the body", { type: ECHO, to: ALICE, body: { a: new Date("x") } }, /an invalid Date/],
  ])("rejects %s before anything is sent", async (_name, message, problem) => {
    const { client, transport } = setUp();
    await client.connect();
    await expect(client.send(message as MessageInit)).rejects.toThrow(TypeError);
    await expect(client.send(message as MessageInit)).rejects.toThrow(problem);
    await expect(client.request(message as MessageInit)).rejects.toThrow(problem);
    expect(transport.connection.sent).toEqual([]);
    await client.close();
  });

  it("rejects a body that contains itself, and takes one that has the same object twice", async () => {
    const { client, transport } = setUp();
    await client.connect();
    const self: Record<string, unknown> = {};
    self["me"] = self;
    await expect(client.send({ type: ECHO, to: ALICE, body: self })).rejects.toThrow(/body\.me: it is an object that contains itself/);
    const shared = { n: 1 };
    await client.send({ type: ECHO, to: ALICE, body: { a: shared, b: shared, at: new Date(0), none: undefined } });
    await client.send({ type: ECHO, to: ALICE, body: null });
    expect(transport.connection.sent.map(({ body }) => JSON.stringify(body))).toEqual([
      '{"a":{"n":1},"b":{"n":1},"at":"1970-01-01T00:00:00.000Z"}',
      "{}",
    ]);
    await client.close();
  });

  it("counts an empty sender and thread as absent", async () => {
    const { client, transport } = setUp();
    await client.connect();
    const sent = await client.send({ type: ECHO, to: ALICE, from: "", threadId: "", parentThreadId: "" });
    expect(sent).toMatchObject({ from: client.did, to: [ALICE] });
    expect(Object.keys(transport.connection.sent[0] ?? {})).not.toContain("thid");
    void client.request({ type: ECHO, to: ALICE, threadId: "" }).catch(() => {});
    await settled();
    const [, request] = transport.connection.sent;
    expect(request?.["thid"]).toBe(request?.["id"]);
    await client.close();
  });

  it("takes a message as it came, to pass it on", async () => {
    const { client, transport } = setUp();
    client.handle(ECHO, async (message) => void (await client.send({ ...message, from: BOB, to: "did:example:carol" })));
    await client.connect();
    transport.connection.deliver(plaintext());
    await settled();
    expect(transport.connection.sent).toMatchObject([{ to: ["did:example:carol"] }]);
    await client.close();
  });

  it("rejects unknown options, as every other call does", async () => {
    const { client } = setUp();
    const misspelt = { fire_and_forget: true } as unknown as SendOptions;
    await expect(client.connect({ timeout: 5 } as unknown as ConnectOptions)).rejects.toThrow(/Unknown option "timeout"/);
    await expect(client.connect(AbortSignal.abort() as unknown as ConnectOptions)).rejects.toThrow(/not an AbortSignal/);
    await expect(client.send(hello, misspelt)).rejects.toThrow(/Did you mean "fireAndForget"\?/);
    await expect(client.send(hello, true as unknown as SendOptions)).rejects.toThrow(/not a boolean/);
    expect(() => client.handle(ECHO, () => {}, { manual_ack: true } as HandlerOptions)).toThrow(/Did you mean "manualAck"\?/);
    await expect(client.send(hello, { fireAndForget: "no" } as unknown as SendOptions)).rejects.toThrow(/must be true or false/);
    await expect(client.request(hello, { expires: 5 } as unknown as RequestOptions)).rejects.toThrow(/must be true or false, not 5/);
    const controller = { signal: new AbortController() } as unknown as SendOptions;
    await expect(client.send(hello, controller)).rejects.toThrow(/must be an AbortSignal, not an AbortController: pass its signal/);
    await expect(client.request(hello, { signal: {} } as RequestOptions)).rejects.toThrow(/"signal" must be an AbortSignal/);
    await expect(client.connect({ signal: 5 } as unknown as ConnectOptions)).rejects.toThrow(/AbortSignal, not a number/);
    expect(() => client.handle([ECHO] as unknown as string, () => {})).toThrow(/^an array is not a message-type URI/);
    expect(() => client.handle(ECHO, () => {}, true as unknown as HandlerOptions)).toThrow(/not a boolean/);
    expect(() => client.handleAll(() => {}, { schema: {} } as HandlerOptions)).toThrow(/Unknown option "schema"/);
    await client.close();
  });

  it("fails with DisconnectedError when the link breaks, and with the transport's other errors unchanged", async () => {
    const { client, transport } = setUp();
    await client.connect();
    transport.connection.onSend = () => Promise.reject(new NodeTransportError("disconnected", "broke"));
    await expect(client.send(hello)).rejects.toBeInstanceOf(DisconnectedError);
    transport.connection.onSend = () => Promise.reject(new NodeTransportError("message_too_large", "big"));
    await expect(client.send(hello)).rejects.toMatchObject({ name: "NodeTransportError", code: "message_too_large" });
    await client.close();
  });

  it("passes the signal to the transport", async () => {
    const { client, transport } = setUp();
    await client.connect();
    transport.connection.onSend = (_plaintext, options) =>
      new Promise((_resolve, reject) => options?.signal?.addEventListener("abort", () => reject(options.signal?.reason as Error)));
    const abort = new AbortController();
    const sending = client.send(hello, { signal: abort.signal });
    abort.abort(new Error("enough"));
    await expect(sending).rejects.toThrow("enough");
    await expect(client.send(hello, { signal: abort.signal })).rejects.toThrow("enough");
    expect(transport.connection.sent).toHaveLength(1);
    await client.close();
  });

  it("has thousands of messages in flight", async () => {
    const { client, transport } = setUp();
    await client.connect();
    const accepts: (() => void)[] = [];
    transport.connection.onSend = () => new Promise((resolve) => accepts.push(resolve));
    const sends = Array.from({ length: 5000 }, () => client.send(hello));
    await settled();
    expect(accepts).toHaveLength(5000);
    for (const accept of accepts) accept();
    const ids = (await Promise.all(sends)).map(({ id }) => id);
    expect(new Set(ids).size).toBe(5000);
    await client.close();
  });
});

describe("the link", () => {
  it("is listened to until the listener is taken off", async () => {
    const { client, transport, errors } = setUp();
    const events: string[] = [];
    client.onDisconnect(() => {
      throw new Error("listener");
    });
    client.onReconnect(() => Promise.reject(new Error("async listener")));
    const off = client.onDisconnect(({ code }) => events.push(code));
    client.onReconnect(() => events.push("reconnected"));
    await client.connect();
    transport.connection.drop();
    transport.connection.recover();
    off();
    transport.connection.drop();
    expect(events).toEqual(["disconnected", "reconnected"]);
    await settled();
    expect(errors.map(({ kind, cause }) => `${kind} ${cause.message}`).toSorted()).toEqual([
      "handler_exception async listener",
      "handler_exception listener",
      "handler_exception listener",
    ]);
    await client.close();
    transport.connection.recover();
    expect(events).toHaveLength(2);
  });

  it("ends when the transport ends; then connect may be called again", async () => {
    const { client, transport, errors } = setUp();
    await client.connect();
    const lost = vi.fn<(reason: Error) => void>();
    client.onDisconnect(lost);
    const request = client.request(hello);
    const end = new NodeTransportError("taken_over", "another connection took the DID over");
    transport.connection.deliveries.fail(end);
    await expect(request).rejects.toMatchObject({ code: "disconnected", cause: end });
    await settled();
    expect(lost).toHaveBeenCalledExactlyOnceWith(end);
    await expect(request).rejects.toMatchObject({ reason: "ended", retryable: false });
    expect(errors).toMatchObject([{ kind: ErrorKind.SERVER_REJECT, cause: end }]);
    expect(transport.connections[0]?.closed).toBe(true);
    await expect(client.send(hello)).rejects.toBeInstanceOf(NotConnectedError);
    expect(client.did).toBe(BOB);
    await client.connect();
    await client.send(hello);
    expect(transport.connection.sent).toHaveLength(1);
    await client.close();
  });

  it("is reported as lost once, whether the transport reports the loss before its end, after it, or not at all", async () => {
    const end = new RejectedError("join_refused", "The node refused the join", "unauthorized");
    const taken = new NodeTransportError("taken_over", "taken over");
    const ways: ((connection: FakeConnection) => void)[] = [
      (connection) => {
        connection.drop();
        connection.deliveries.fail(end);
      },
      (connection) => {
        connection.connected = false;
        connection.events.onDisconnect(taken);
        connection.deliveries.fail(taken);
      },
      (connection) => connection.deliveries.fail(end),
      (connection) => {
        connection.drop();
        connection.events.onDisconnect(end);
        connection.deliveries.fail(end);
      },
    ];
    for (const lose of ways) {
      const { client, transport, errors } = setUp();
      const lost = vi.fn<(reason: Error) => void>();
      client.onDisconnect(lost);
      await client.connect();
      lose(transport.connection);
      await settled();
      expect(lost).toHaveBeenCalledOnce();
      expect(errors).toMatchObject([{ kind: ErrorKind.SERVER_REJECT }]);
      // A later connection that is lost is another loss.
      await client.connect();
      transport.connection.drop();
      expect(lost).toHaveBeenCalledTimes(2);
      await client.close();
    }
  });

  it("reports that connect has taken the DID over from another connection", async () => {
    const emitWarning = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    onTestFinished(() => emitWarning.mockRestore());
    const { client, transport } = setUp();
    expect(client.tookOver).toBe(false);
    transport.takesOver = true;
    await client.connect();
    expect(client.tookOver).toBe(true);
    expect(emitWarning.mock.calls.map(([text]) => text)).toEqual([expect.stringMatching(/^did:example:bob was connected elsewhere/)]);
    await client.close();
  });

  it("is not ended by a message that can't be handled", async () => {
    const { client, transport, errors } = setUp();
    client.handle(ECHO, () => {});
    await client.connect();
    const trap = {};
    Object.defineProperty(trap, "id", {
      get: () => {
        throw new Error("trap");
      },
    });
    const delivered = transport.connection.deliver(trap);
    await settled();
    expect(delivered.outcome).toMatchObject({ status: "error" });
    expect(errors).toMatchObject([{ kind: ErrorKind.PARSE_FAILURE }]);
    expect(transport.connection.deliver(plaintext()).outcome).toBeUndefined();
    await settled();
    expect(client.connected).toBe(true);
    await client.close();
  });

  it("leaves to the next connection what had not begun when it ended", async () => {
    const { client, transport } = setUp({ maxConcurrentHandlers: 1 });
    const finish: (() => void)[] = [];
    const ran: string[] = [];
    client.handle(ECHO, ({ id }) => {
      ran.push(id);
      return new Promise<void>((resolve) => finish.push(resolve));
    });
    await client.connect();
    const queued = plaintext({ id: "queued" });
    transport.connection.deliver(plaintext({ id: "running" }));
    transport.connection.deliver(queued);
    await settled();
    transport.connection.deliveries.fail(new NodeTransportError("taken_over", "gone"));
    await settled();
    finish.shift()?.();
    await settled();
    expect(ran).toEqual(["running"]);
    await client.connect();
    const again = transport.connection.deliver(queued);
    await settled();
    finish.shift()?.();
    await settled();
    expect(ran).toEqual(["running", "queued"]);
    expect(again.outcome).toEqual({ status: "handled" });
    await client.close();
  });

  it("reports frames that can't be read", async () => {
    const { client, transport, errors } = setUp();
    await client.connect();
    transport.connection.events.onFault(new NodeTransportError("frame_invalid", "not JSON"), "{");
    expect(errors).toMatchObject([{ kind: ErrorKind.PARSE_FAILURE, raw: "{", cause: { code: "frame_invalid" } }]);
    expect(errors[0]?.timestamp).toBeInstanceOf(Date);
    await client.close();
  });
});

describe("close", () => {
  it("settles all waiting calls, and is idempotent", async () => {
    const { client, transport } = setUp();
    await client.connect();
    const { connection } = transport;
    let rejectSend = (_error: Error) => {};
    connection.onSend = ({ to }: JsonObject) =>
      (to as string[])[0] === ALICE ? new Promise((_resolve, reject) => (rejectSend = reject)) : Promise.resolve();
    const close = connection.close.bind(connection);
    connection.close = async () => {
      rejectSend(new NodeTransportError("closed", "closed"));
      await close();
    };
    const sending = client.send(hello);
    const request = client.request({ ...hello, to: "did:example:carol" });
    const closing = client.close();
    expect(client.close()).toBe(closing);
    await expect(request).rejects.toBeInstanceOf(ClientClosedError);
    await expect(sending).rejects.toBeInstanceOf(ClientClosedError);
    await closing;
    expect(connection.closed).toBe(true);
    await expect(client.connect()).rejects.toBeInstanceOf(ClientClosedError);
  });

  it("waits for the replies of running handlers, rejects new messages, and drops queued ones", async () => {
    const { client, transport } = setUp({ maxConcurrentHandlers: 1 });
    let finish = () => {};
    const ran: string[] = [];
    client.handle(ECHO, async ({ id }) => {
      ran.push(id);
      await new Promise<void>((resolve) => (finish = resolve));
      return { type: ECHO_REPLY };
    });
    await client.connect();
    const { connection } = transport;
    const first = connection.deliver(plaintext({ id: "first" }));
    const queued = connection.deliver(plaintext({ id: "queued" }));
    await settled();
    const closing = client.close();
    const late = connection.deliver(plaintext({ id: "late" }));
    await settled();
    expect(connection.closed).toBe(false);
    finish();
    await closing;
    expect(connection.sent).toMatchObject([{ type: ECHO_REPLY, thid: "first" }]);
    expect([first, queued, late].map(({ outcome }) => outcome)).toEqual([{ status: "handled" }, undefined, undefined]);
    expect(ran).toEqual(["first"]);
    expect(connection.closed).toBe(true);
  });

  it("waits no longer than the grace time, and reports what came too late", async () => {
    const { client, transport, errors } = setUp({ closeGraceMs: 5 });
    let finish = () => {};
    client.handle(ECHO, async () => {
      await new Promise<void>((resolve) => (finish = resolve));
      return { type: ECHO_REPLY };
    });
    await client.connect();
    const delivered = transport.connection.deliver(plaintext());
    await settled();
    await client.close();
    finish();
    await settled();
    expect(delivered.outcome).toBeUndefined();
    expect(errors).toMatchObject([{ kind: ErrorKind.TRANSPORT_WRITE, cause: { code: "client_closed" } }]);
  });

  it("ends a connect that is under way", async () => {
    const { client, transport } = setUp();
    transport.onConnect = ({ signal }) =>
      new Promise((_resolve, reject) => signal?.addEventListener("abort", () => reject(signal.reason as Error)));
    const connecting = client.connect();
    const closing = client.close();
    await expect(connecting).rejects.toBeInstanceOf(ClientClosedError);
    await closing;
  });

  it("closes a connection that came in spite of it", async () => {
    const { client, transport } = setUp();
    let connect = () => {};
    transport.onConnect = () => new Promise((resolve) => (connect = resolve));
    const connecting = client.connect();
    const closed = vi.fn<() => void>();
    const closing = client.close().then(closed);
    await settled();
    expect(closed).not.toHaveBeenCalled();
    connect();
    await expect(connecting).rejects.toBeInstanceOf(ClientClosedError);
    await closing;
    expect(transport.connection.closed).toBe(true);
  });

  it("leaves no timer behind", async () => {
    vi.useFakeTimers();
    try {
      const { client, transport } = setUp();
      client.handle(ECHO, () => {});
      await client.connect();
      const request = client.request(hello);
      transport.connection.deliver(plaintext());
      const closing = client.close();
      await expect(request).rejects.toBeInstanceOf(ClientClosedError);
      await closing;
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });
});

import { deferred } from "@parley/core/internal";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Envelope, Protocol, type EnvelopePort } from "../../src/index.ts";
import { McpChannelServer, McpChannelTransport, type JsonRpcMessage, type McpServerSession } from "../../src/mcp/index.ts";
import { createMemoryPorts, type MemoryPort } from "../../src/memory/index.ts";
import { bytes, text } from "../utf8.ts";

const PING: JsonRpcMessage = { jsonrpc: "2.0", method: "ping", id: 1 };
const PONG: JsonRpcMessage = { jsonrpc: "2.0", id: 1, result: {} };
const NOTE: JsonRpcMessage = { jsonrpc: "2.0", method: "notifications/initialized" };

type Metadata = Record<string, string>;

let client: MemoryPort;
let server: MemoryPort;
let mallory: MemoryPort;
let ports: readonly MemoryPort[];

beforeEach(() => {
  ports = createMemoryPorts(["client", "server", "mallory"]);
  [client, server, mallory] = ports as [MemoryPort, MemoryPort, MemoryPort];
});

afterEach(async () => {
  await Promise.all(ports.map((port) => port.close()));
});

function envelope(mcp: object, message: object | undefined): Envelope {
  return new Envelope(Protocol.MCP, "application/json", message === undefined ? new Uint8Array() : bytes(JSON.stringify(message)), {
    mcp,
  } as never);
}

/** Records the errors and the close event of a transport. */
function watch(session: object): {
  readonly errors: readonly (Error & { readonly code?: string })[];
  readonly closed: Promise<void>;
  closes(): number;
} {
  const errors: (Error & { readonly code?: string })[] = [];
  const closed = deferred<void>();
  let closes = 0;
  Object.assign(session, {
    onerror: (error: Error) => errors.push(error),
    onclose: () => {
      closes += 1;
      closed.resolve();
    },
  });
  return { errors, closed: closed.promise, closes: () => closes };
}

/** Sets the handlers that official SDKs set. */
function handle(session: McpServerSession, onmessage: (message: JsonRpcMessage) => void): void {
  Object.assign(session, { onmessage });
}

/** The address and message of the next MCP envelope that a party receives. */
async function seen(inbound: AsyncIterator<{ envelope: Envelope }, undefined>): Promise<{ mcp: Metadata; message: unknown }> {
  const { value } = await inbound.next();
  const payload = text(value?.envelope.payload);
  return { mcp: value?.envelope.metadata?.["mcp"] as unknown as Metadata, message: payload === "" ? undefined : JSON.parse(payload) };
}

async function accept(listener: McpChannelServer): Promise<McpServerSession> {
  const { value } = await listener[Symbol.asyncIterator]().next();
  if (value === undefined) throw new Error("The server ended");
  return value;
}

async function connected(options?: ConstructorParameters<typeof McpChannelServer>[1]) {
  const errors: Error[] = [];
  const listener = new McpChannelServer(server, { onError: (error) => errors.push(error), ...options });
  const transport = new McpChannelTransport(client);
  await transport.write(PING);
  const session = await accept(listener);
  expect(await session.read()).toEqual(PING);
  await session.write(PONG);
  expect(await transport.read()).toEqual(PONG);
  return { listener, transport, session, errors };
}

describe("a session without an SDK", () => {
  it("reads and writes messages", async () => {
    const { transport, session } = await connected();
    await session.write(NOTE);
    await transport.write(NOTE);
    expect([await transport.read(), await session.read()]).toEqual([NOTE, NOTE]);
    expect([session.sender, typeof session.sessionId, transport.sessionId]).toEqual(["client", "string", undefined]);
  });

  it("starts once", async () => {
    const transport = new McpChannelTransport(client);
    await transport.start();
    await expect(transport.start()).rejects.toThrow(TypeError);
  });

  it("buffers messages until onmessage is set and it is started, and delivers them in order", async () => {
    const { transport, session } = await connected();
    const numbers = [1, 2, 3];
    for (const id of numbers) await transport.write({ ...PING, id });
    expect(await session.read()).toMatchObject({ id: 1 });
    const got: unknown[] = [];
    const all = deferred<void>();
    handle(session, ({ id }) => {
      got.push(id);
      if (id === 4) all.resolve();
    });
    await transport.write({ ...PING, id: 4 });
    await all.promise;
    expect(got).toEqual([2, 3, 4]);
    await expect(session.read()).rejects.toThrow(TypeError);
  });

  it("notifies the other side when closed; each side calls onclose once", async () => {
    const { transport, session } = await connected();
    const [ours, theirs] = [watch(transport), watch(session)];
    const reading = session.read();
    await transport.close();
    await transport.close();
    await expect(reading).rejects.toMatchObject({ code: "closed" });
    await theirs.closed;
    await session.close();
    expect([ours.closes(), theirs.closes(), ours.errors, theirs.errors]).toEqual([1, 1, [], []]);
    for (const each of [transport, session]) {
      await expect(each.write(PING)).rejects.toMatchObject({ code: "closed" });
      await expect(each.read()).rejects.toMatchObject({ code: "closed" });
    }
    await expect(transport.start()).rejects.toThrow(TypeError);
  });

  it("ends for the client when the server closes it", async () => {
    const { transport, session } = await connected();
    const { errors, closed } = watch(transport);
    await session.close();
    await closed;
    expect(errors).toMatchObject([{ code: "session_ended", retryable: true }]);
  });

  it("stops reading when its signal fires, without losing messages", async () => {
    const { transport, session } = await connected();
    const abort = new AbortController();
    const reading = session.read({ signal: abort.signal });
    await expect(session.read()).rejects.toThrow(TypeError);
    abort.abort(new Error("changed my mind"));
    await expect(reading).rejects.toThrow("changed my mind");
    await transport.write(NOTE);
    expect(await session.read()).toEqual(NOTE);
  });

  it("ends when its buffer is full", async () => {
    const { transport, session } = await connected({ maxBuffered: 2 });
    const { errors, closed } = watch(session);
    const ours = watch(transport);
    for (const id of [1, 2, 3]) await transport.write({ ...PING, id });
    await Promise.all([closed, ours.closed]);
    expect(errors).toMatchObject([{ code: "overflow" }]);
  });

  it("rejects messages that are too large, and replaces such a response by an error", async () => {
    const { transport, session } = await connected({ maxMessageBytes: 200 });
    const { errors } = watch(session);
    const large = "x".repeat(300);
    await transport.write({ ...PING, params: { large } });
    await expect(session.write({ ...PING, params: { large } })).rejects.toMatchObject({ code: "message_too_large" });
    await session.write({ jsonrpc: "2.0", id: 7, result: { large } });
    expect(await transport.read()).toMatchObject({ id: 1, error: { code: -32_603, message: expect.stringMatching(/bytes, limit 200$/) } });
    expect(await transport.read()).toMatchObject({ id: 7, error: { code: -32_603, message: expect.stringMatching(/bytes, limit 200$/) } });
    expect(errors).toMatchObject([{ code: "message_too_large" }, { code: "message_too_large" }]);
  });

  it("reports malformed messages and continues", async () => {
    const { transport, session, errors } = await connected();
    const [ours, theirs] = [watch(transport), watch(session)];
    const toServer = client.receive({ protocol: Protocol.MCP });
    const toClient = server.receive({ protocol: Protocol.MCP });
    await transport.write(NOTE);
    await session.read();
    await session.write(NOTE);
    await transport.read();
    const [{ mcp: fromClient }, { mcp: fromServer }] = [await seen(toClient), await seen(toServer)];
    const bad = [{ jsonrpc: "1.0" }, [], "text", { jsonrpc: "2.0", id: {} }];
    for (const message of bad) {
      await client.send(envelope(fromClient, message as object));
      await server.send(envelope(fromServer, message as object));
    }
    for (const mcp of [undefined, 7, {}, { session: "" }, { session: "x", role: "admin" }, { ...fromServer, event: "burn" }]) {
      await mallory.send(envelope(mcp as object, PING));
    }
    for (const [end, other] of [
      [session, transport],
      [transport, session],
    ] as const) {
      for (const _ of bad) expect(await end.read()).toMatchObject({ id: null, error: { code: -32_600 } });
      await other.write(NOTE);
      expect(await end.read()).toEqual(NOTE);
    }
    expect(theirs.errors.map(({ code }) => code)).toEqual(bad.map(() => "message_invalid"));
    expect(ours.errors.length).toBe(bad.length + 6);
    expect(errors.length).toBe(6);
  });

  it("continues if listeners throw", async () => {
    const { transport, session } = await connected();
    const { errors } = watch(session);
    const second = deferred<void>();
    handle(session, ({ id }) => {
      if (id === 1) throw new Error("handler broke");
      second.resolve();
    });
    await transport.write(PING);
    await transport.write({ ...PING, id: 2 });
    await second.promise;
    expect(errors).toMatchObject([{ message: "handler broke" }]);
  });
});

describe("a server for one client", () => {
  it("waits for the client to write, and ends with it", async () => {
    const serving = new McpChannelTransport(server, { role: "server" });
    const { closed, errors } = watch(serving);
    const written = serving.write(NOTE);
    const transport = new McpChannelTransport(client);
    await transport.write(PING);
    await written;
    expect([await serving.read(), await transport.read()]).toEqual([PING, NOTE]);
    await transport.close();
    await closed;
    expect(errors).toEqual([]);
  });

  it("ignores a second client", async () => {
    const serving = new McpChannelTransport(server, { role: "server" });
    const { errors } = watch(serving);
    const request = serving.read();
    await new McpChannelTransport(client).write(PING);
    expect(await request).toEqual(PING);
    const second = new McpChannelTransport(mallory);
    const refused = watch(second);
    await second.write(PING);
    await refused.closed;
    expect([errors, refused.errors]).toMatchObject([[{ code: "too_many" }], [{ code: "session_ended" }]]);
  });

  it.each([
    ["closed", (transport: McpChannelTransport) => transport.close()],
    ["cut off", () => server.close()],
  ])("rejects pending sends when it is %s", async (_, end) => {
    const serving = new McpChannelTransport(server, { role: "server" });
    const pending = [serving.write(NOTE), serving.write(PING), serving.read()];
    const settled = Promise.allSettled(pending);
    await end(serving);
    const closed = { status: "rejected", reason: { code: "closed" } };
    expect(await settled).toMatchObject([closed, closed, closed]);
  });
});

describe("addresses", () => {
  it("contain session and role, `open` until a server has answered, and then the run of the server", async () => {
    const inbound = mallory.receive({ protocol: Protocol.MCP });
    await connected({ name: "greeter" });
    const [opening, answer] = [await seen(inbound), await seen(inbound)];
    expect(opening).toEqual({ mcp: { session: opening.mcp["session"], role: "client", event: "open" }, message: PING });
    expect(answer.mcp).toEqual({
      session: opening.mcp["session"],
      role: "server",
      server: "greeter",
      instance: expect.any(String) as unknown,
    });
  });

  it("allow a client to select a server by name", async () => {
    const listeners = [new McpChannelServer(server, { name: "a" }), new McpChannelServer(mallory, { name: "b" })] as const;
    const transport = new McpChannelTransport(client, { server: "b" });
    await transport.write(PING);
    const session = await accept(listeners[1]);
    await session.write(PONG);
    expect(await transport.read()).toEqual(PONG);
    await listeners[0].close();
    expect(await listeners[0][Symbol.asyncIterator]().next()).toEqual({ done: true, value: undefined });
  });

  it("assign the session to the first server that answers", async () => {
    const listeners = [new McpChannelServer(server), new McpChannelServer(mallory)] as const;
    const transport = new McpChannelTransport(client);
    const { errors } = watch(transport);
    await transport.write(PING);
    const [chosen, other] = [await accept(listeners[0]), await accept(listeners[1])];
    const { closed } = watch(other);
    await other.read();
    await chosen.read();
    await chosen.write(PONG);
    expect(await transport.read()).toEqual(PONG);
    await other.write({ ...PONG, id: 99 });
    await transport.write(NOTE);
    await closed;
    expect(await chosen.read()).toEqual(NOTE);
    await chosen.write(NOTE);
    expect(await transport.read()).toEqual(NOTE);
    expect(errors).toEqual([]);
  });

  it("end sessions of an earlier run of a named server", async () => {
    const crash = new AbortController();
    const mortal: EnvelopePort = {
      receive: (options) => server.receive({ ...options, signal: crash.signal }),
      send: async (sent, options) => (crash.signal.aborted ? undefined : server.send(sent, options)),
    };
    const first = new McpChannelServer(mortal, { name: "greeter" });
    const transport = new McpChannelTransport(client);
    const { errors, closed } = watch(transport);
    await transport.write(PING);
    const session = await accept(first);
    await session.write(PONG);
    await transport.read();
    crash.abort();
    const second = new McpChannelServer(server, { name: "greeter" });
    await transport.write(PING);
    await closed;
    expect(errors).toMatchObject([{ code: "session_ended", retryable: true }]);
    await second.close();
  });

  it("prevent other parties from writing in a session, on both sides", async () => {
    const { transport, session, errors } = await connected();
    const ours = watch(transport);
    const inbound = mallory.receive({ protocol: Protocol.MCP });
    await transport.write(NOTE);
    await session.read();
    const { mcp } = await seen(inbound);
    await session.write(NOTE);
    await transport.read();
    const { mcp: answer } = await seen(inbound);
    const forged = { ...PING, id: "forged" };
    await mallory.send(envelope(mcp, forged));
    await mallory.send(envelope({ ...mcp, event: "close" }, undefined));
    await mallory.send(envelope({ ...mcp, event: "open" }, forged));
    await mallory.send(envelope(answer, forged));
    await mallory.send(envelope({ ...answer, event: "close" }, undefined));
    await transport.write(PING);
    expect(await session.read()).toEqual(PING);
    await session.write(PONG);
    expect(await transport.read()).toEqual(PONG);
    const mismatch = { code: "sender_mismatch" };
    expect([errors, ours.errors]).toMatchObject([
      [mismatch, mismatch, mismatch],
      [mismatch, mismatch],
    ]);
  });

  it("prevent other parties from answering or opening if the peer is configured", async () => {
    const impostor = new McpChannelServer(mallory);
    const genuine = new McpChannelTransport(server, { role: "server", peer: "client" });
    const transport = new McpChannelTransport(client, { peer: "server" });
    const [ours, theirs] = [watch(transport), watch(genuine)];
    await genuine.start();
    const intruder = new McpChannelTransport(mallory);
    const { closed } = watch(intruder);
    await intruder.write(PING);
    await closed;
    await transport.write(PING);
    const session = await accept(impostor);
    await session.write({ ...PONG, result: { forged: true } });
    expect(await genuine.read()).toEqual(PING);
    await genuine.write(PONG);
    expect(await transport.read()).toEqual(PONG);
    expect([ours.errors, theirs.errors]).toMatchObject([[{ code: "sender_mismatch" }], [{ code: "sender_mismatch" }]]);
  });

  it("of unknown sessions are answered with a close event", async () => {
    const listener = new McpChannelServer(server, { name: "greeter" });
    const inbound = client.receive({ protocol: Protocol.MCP });
    await client.send(envelope({ session: "unknown", role: "client", server: "greeter" }, PING));
    expect((await seen(inbound)).mcp).toMatchObject({ session: "unknown", role: "server", event: "close" });
    await listener.close();
  });
});

describe("McpChannelServer", () => {
  it("limits the number of sessions", async () => {
    const { errors } = await connected({ maxSessions: 1 });
    const second = new McpChannelTransport(mallory);
    const watched = watch(second);
    await second.write(PING);
    await watched.closed;
    expect(errors).toMatchObject([{ code: "too_many" }]);
    expect(watched.errors).toMatchObject([{ code: "session_ended" }]);
  });

  it("ends the least recently used session of a party that opens too many", async () => {
    const { listener, transport, session } = await connected({ maxSessionsPerSender: 2 });
    const oldest = watch(transport);
    const evicted = watch(session);
    const [second, third] = [new McpChannelTransport(client), new McpChannelTransport(client)];
    await second.write(PING);
    await accept(listener);
    await third.write(PING);
    await accept(listener);
    await Promise.all([oldest.closed, evicted.closed]);
    expect(evicted.errors).toMatchObject([{ code: "session_ended" }]);
    await second.write(NOTE);
    await Promise.all([second.close(), third.close()]);
  });

  it("ends idle sessions only", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    try {
      const { listener, transport, session } = await connected({ idleTimeoutMs: 1000 });
      const busy = new McpChannelTransport(mallory);
      await busy.write(PING);
      const kept = await accept(listener);
      const [ended, alive] = [watch(session), watch(kept)];
      await vi.advanceTimersByTimeAsync(900);
      await kept.write(NOTE);
      await vi.advanceTimersByTimeAsync(200);
      await ended.closed;
      expect([ended.errors, alive.closes()]).toMatchObject([[{ code: "session_ended" }], 0]);
      await vi.advanceTimersByTimeAsync(1000);
      await alive.closed;
      await transport.close();
    } finally {
      vi.useRealTimers();
    }
  });

  it("closes when its loop is left", async () => {
    const listener = new McpChannelServer(server);
    const transport = new McpChannelTransport(client);
    const { closed, errors } = watch(transport);
    await transport.write(PING);
    for await (const _ of listener) break;
    await closed;
    expect(errors).toMatchObject([{ code: "session_ended" }]);
  });

  async function served() {
    const listener = new McpChannelServer(server)[Symbol.asyncIterator]();
    await new McpChannelTransport(client).write(PING);
    const session = (await listener.next()).value as McpServerSession;
    return { next: listener.next(), ...watch(session) };
  }

  it("ends its loop and its sessions when the port ends", async () => {
    const { next, closed, errors } = await served();
    await server.close();
    await closed;
    expect([await next, errors]).toEqual([{ done: true, value: undefined }, []]);
  });

  it("throws the port's failure, and ends its sessions with it", async () => {
    const { next, closed, errors } = await served();
    const failure = new Error("removed from the channel");
    server.fail(failure);
    await expect(next).rejects.toBe(failure);
    await closed;
    expect(errors).toEqual([failure]);
  });

  it("rejects sends that wait for the connection when the session ends", async () => {
    const { transport, session } = await connected();
    for (const [port, each] of [[server, session] as const, [client, transport] as const]) {
      port.cut();
      const waiting = each.write(NOTE);
      const settled = Promise.allSettled([waiting]);
      await each.close();
      port.restore();
      expect(await settled).toMatchObject([{ status: "rejected", reason: { code: "closed" } }]);
    }
  });

  it("sends delayed responses in order after the connection is restored; requests fail at once", async () => {
    const { transport, session } = await connected();
    server.cut();
    await expect(session.write(PING)).rejects.toMatchObject({ code: "not_connected" });
    const waiting = Promise.all([session.write(NOTE), session.write(PONG)]);
    server.restore();
    await waiting;
    expect([await transport.read(), await transport.read()]).toEqual([NOTE, PONG]);
  });
});

it("malformed envelopes never end a session or a server", async () => {
  const { transport, session } = await connected();
  watch(transport);
  watch(session);
  const inbound = mallory.receive({ protocol: Protocol.MCP });
  await transport.write(NOTE);
  await session.read();
  const { mcp } = await seen(inbound);
  const word = fc.oneof(
    fc.constantFrom(...Object.values(mcp), "client", "server", "open", "close", ""),
    fc.json().map((json) => JSON.parse(json) as unknown),
  );
  const address = fc.record({ session: word, role: word, server: word, instance: word, event: word }, { requiredKeys: [] });
  const metadata = fc.oneof(fc.record({ mcp: address }), fc.record({ mcp: word }), fc.constant({}));
  const payload = fc.oneof(fc.uint8Array(), fc.constant(bytes(JSON.stringify(PING))), fc.json().map(bytes));
  await fc.assert(
    fc.asyncProperty(metadata, payload, async (hostile, data) => {
      const { mcp: given } = JSON.parse(JSON.stringify(hostile)) as { mcp?: object };
      await mallory.send(new Envelope(Protocol.MCP, "application/json", data, given === undefined ? {} : ({ mcp: given } as never)));
      await mallory.sendBytes(data);
    }),
  );
  await transport.write(PING);
  expect(await session.read()).toEqual(PING);
  await session.write(PONG);
  expect(await transport.read()).toEqual(PONG);
});

import { createServer, type AddressInfo, type Socket } from "node:net";
import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { RelayError } from "@parley/skytale-relay";
import { type Channel, type SkytaleChannelManager } from "../src/index.ts";
import { ConnectionState } from "../src/connection-state.ts";
import { bytes, channelOf, NAME, take } from "./support/harness.ts";
import { LyingTransport } from "./support/lying-transport.ts";
import { Managers } from "./support/managers.ts";

vi.setConfig({ testTimeout: 30_000 });

const NOBODY_LISTENS = "http://127.0.0.1:1";
const SHORT = { timeoutMs: 300 };

let managers: Managers;

beforeEach(async () => {
  managers = await Managers.start();
});
afterEach(() => managers[Symbol.asyncDispose]());

/** What an error of a call without a relay looks like. */
function unreachable(relay: string): object {
  return {
    name: "TransportError",
    code: "connection_error",
    retryable: true,
    message: expect.stringContaining(`transport error: no connection to the relay at ${relay}`) as string,
  };
}

describe("with a relay that was never reachable", () => {
  it("connect fails within its timeout, and within that of the client", async () => {
    const alice = managers.of("alice", { endpoint: NOBODY_LISTENS, timeoutMs: 400 });
    await expect(alice.connect(SHORT)).rejects.toMatchObject(unreachable(NOBODY_LISTENS));
    await expect(alice.connect()).rejects.toMatchObject(unreachable(NOBODY_LISTENS));
    expect(alice.connected).toBe(false);
  });

  it("connect fails if the server accepts connections but does not respond", async () => {
    const sockets = new Set<Socket>();
    const silent = createServer((socket) => sockets.add(socket)).listen(0, "127.0.0.1");
    await once(silent, "listening");
    const endpoint = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    await expect(managers.of("alice", { endpoint }).connect(SHORT)).rejects.toMatchObject(unreachable(endpoint));
    for (const socket of sockets) socket.destroy();
    silent.close();
  });

  it("joinWithToken fails without using up the invite", async () => {
    const alice = managers.of("alice");
    await alice.create(NAME);
    const token = await alice.invite(NAME);
    const bob = managers.of("bob", { endpoint: NOBODY_LISTENS });
    await expect(bob.joinWithToken(NAME, token, SHORT)).rejects.toMatchObject(unreachable(NOBODY_LISTENS));
    const carol = managers.of("carol");
    await carol.joinWithToken(NAME, token);
    expect(carol.connected).toBe(true);
  });

  it("send and changes of a channel that was opened fail", async () => {
    await managers.of("alice").create(NAME);
    const { alice, keyPackage } = await reopened();
    for (const call of [
      () => alice.send(NAME, "x", SHORT),
      () => alice.addMember(NAME, keyPackage, SHORT),
      () => alice.rotateKey(NAME, SHORT),
    ]) {
      await expect(call()).rejects.toMatchObject(unreachable(NOBODY_LISTENS));
    }
  });

  async function reopened(): Promise<{ readonly alice: SkytaleChannelManager; readonly keyPackage: Uint8Array }> {
    const keyPackage = await managers.of("bob").keyPackage();
    await managers.close("alice");
    const alice = managers.of("alice", { endpoint: NOBODY_LISTENS });
    await alice.open(NAME);
    return { alice, keyPackage };
  }
});

it("subdomains of localhost resolve to the loopback address, for the relay and the API server", async () => {
  const { relayUrl, apiUrl } = managers.harness.server;
  const named = (url: string): string => url.replace("127.0.0.1", "some.agent.localhost");
  const alice = managers.of("alice", { endpoint: named(relayUrl), apiUrl: named(apiUrl) });
  await alice.create(NAME);
  await alice.connect();
  expect(await alice.send(NAME, "hello")).toEqual({ sequence: 1 });
});

describe("when the relay becomes unreachable", () => {
  it("every call fails within its timeout; messages queued before are sent once", async () => {
    const { harness } = managers;
    const transport = new LyingTransport(harness.server.relayUrl);
    const [a, b] = (await channelOf(harness.client("alice", { transport }), harness.client("bob"))) as [Channel, Channel];
    const carol = await harness.client("carol").generateKeyPackage();
    expect(a.connected).toBe(true);
    transport.cut();
    await expect.poll(() => a.connected).toBe(false);
    const queued = a.send(bytes("queued"), { timeoutMs: 30_000 });
    for (const call of [
      () => a.send(bytes("given up"), SHORT),
      () => a.send(bytes("repeated"), { ...SHORT, id: "repeated" }),
      () => a.addMember(carol, SHORT),
      () => a.removeMember("bob", SHORT),
      () => a.rotateKey(SHORT),
      () => a.caughtUp(SHORT),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: "connection_error", retryable: true });
    }
    await expect(a.send(bytes("given up"), SHORT)).rejects.toThrow("the message was not sent");
    transport.mend();
    await queued;
    await a.send(bytes("repeated"), { id: "repeated" });
    expect(await take(b, 2)).toEqual(["queued", "repeated"]);
    expect(a.members).toHaveLength(2);
  });

  it("a send that timed out unacknowledged may have been recorded, and is recorded once when repeated with its id", async () => {
    const { harness } = managers;
    const transport = new LyingTransport(harness.server.relayUrl);
    const [a, b] = (await channelOf(harness.client("alice", { transport }), harness.client("bob"))) as [Channel, Channel];
    transport.isDeaf = true;
    await expect(a.send(bytes("once"), { ...SHORT, id: "1" })).rejects.toMatchObject({
      code: "timeout",
      message: expect.stringContaining("the message may have been recorded: repeat it with the same id") as string,
    });
    expect(await take(b, 1)).toEqual(["once"]);
    transport.isDeaf = false;
    transport.cut();
    transport.mend();
    await a.send(bytes("once"), { id: "1" });
    await a.send(bytes("twice"));
    expect(await take(b, 1)).toEqual(["twice"]);
  });

  it("unknown and positional options of calls are rejected", async () => {
    const alice = managers.of("alice");
    await alice.create(NAME);
    const positional = 2 as unknown as object;
    for (const call of [
      () => alice.send(NAME, "x", positional),
      () => alice.send(NAME, "x", { timeout: 5 } as object),
      () => alice.invite(NAME, positional),
      () => alice.invite(NAME, { max_uses: 2 } as object),
      () => alice.joinWithToken(NAME, "x", positional),
      () => alice.addMember(NAME, new Uint8Array(), positional),
      () => alice.removeMember(NAME, "alice", positional),
      () => alice.rotateKey(NAME, positional),
      () => alice.leave(NAME, positional),
      () => alice.connect(positional),
      () => alice.create("acme/team/other", { recieve: false } as object),
      () => alice.open(NAME, { updateKeys: false } as object),
    ]) {
      await expect(call()).rejects.toThrow(/Options must be an object|Unknown option/);
    }
    await expect(alice.invite(NAME, { max_uses: 2 } as object)).rejects.toThrow('Did you mean "maxUses"?');
  });
});

describe("the state of a connection", () => {
  beforeEach(() => void vi.useFakeTimers({ now: Date.UTC(2026, 0, 1) }));
  afterEach(() => void vi.useRealTimers());

  it("warns once per outage of five seconds", () => {
    const onWarning = vi.fn<(warning: string) => void>();
    const connection = new ConnectionState({ relay: "http://relay.example:5000", timeoutMs: 20_000, onWarning });
    connection.wanted();
    connection.down(new RelayError("unavailable", "connect ECONNREFUSED"));
    vi.advanceTimersByTime(4999);
    expect(onWarning).not.toHaveBeenCalled();
    vi.advanceTimersByTime(60_000);
    expect(onWarning).toHaveBeenCalledExactlyOnceWith(
      "no connection to the relay at http://relay.example:5000 since 2026-01-01T00:00:00.000Z (connect ECONNREFUSED); " +
        "send() and other calls wait for it, by default for 20000 ms each",
    );
    connection.up();
    connection.down(new RelayError("unavailable", "the relay ended the stream"));
    vi.advanceTimersByTime(5000);
    expect(onWarning).toHaveBeenCalledTimes(2);
  });

  it("does not warn of short outages, of rejections, or after the end", () => {
    const onWarning = vi.fn<(warning: string) => void>();
    const connection = new ConnectionState({ relay: "http://relay.example:5000", timeoutMs: 20_000, onWarning });
    connection.wanted();
    connection.up();
    connection.down(new RelayError("unauthenticated", "the token is wrong"));
    vi.advanceTimersByTime(60_000);
    connection.wanted();
    connection.close();
    vi.advanceTimersByTime(60_000);
    expect(onWarning).not.toHaveBeenCalled();
  });
});

import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { Envelope, Protocol } from "@parley/envelope-and-adapters";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { SkytaleChannelManager, SkytaleClient, type SkytaleChannelManagerOptions } from "../../src/index.ts";
import { NAME } from "../support/harness.ts";
import { Managers } from "../support/managers.ts";

let managers: Managers;
let alice: SkytaleChannelManager;
let bob: SkytaleChannelManager;

beforeEach(async () => {
  managers = await Managers.start();
  alice = managers.of("alice");
  bob = managers.of("bob");
});

afterEach(() => managers[Symbol.asyncDispose]());

/** Bob is in alice's channel. */
async function together(): Promise<void> {
  await alice.create(NAME);
  await bob.join(NAME, await alice.addMember(NAME, await bob.keyPackage()));
}

describe("a manager", () => {
  it("creates, adds, joins, sends, and receives all messages", async () => {
    await together();
    await alice.send(NAME, "Hello from Alice!");
    await alice.send(NAME, new TextEncoder().encode("Another message!"));
    expect(await bob.receive(NAME)).toEqual(["Hello from Alice!", "Another message!"]);
    expect(alice.listChannels()).toEqual([NAME]);
    expect(alice.members(NAME).map(({ identity }) => Buffer.from(identity).toString())).toEqual(["alice", "bob"]);
  });

  it("accepts a timeout in seconds, and does not wait with 0", async () => {
    await together();
    const begun = performance.now();
    expect(await bob.receive(NAME, { timeout: 0.2 })).toEqual([]);
    expect(performance.now() - begun).toBeGreaterThan(190);
    expect(await bob.receive(NAME, { timeout: 0 })).toEqual([]);
    expect(await bob.receiveLatest(NAME, { timeout: 0 })).toBeUndefined();
    const waiting = bob.receive(NAME, { timeout: Number.POSITIVE_INFINITY });
    await alice.send(NAME, "at last");
    expect(await waiting).toEqual(["at last"]);
    for (const timeout of [-1, Number.NaN, "5" as unknown as number]) {
      await expect(bob.receive(NAME, { timeout })).rejects.toThrow(TypeError);
    }
  });

  it("stops waiting on abort, and when it is closed", async () => {
    await together();
    const controller = new AbortController();
    const waiting = bob.receive(NAME, { timeout: 60, signal: controller.signal });
    controller.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
    const closing = expect(bob.receive(NAME, { timeout: 60 })).rejects.toMatchObject({ name: "TransportError", code: "closed" });
    await bob.close();
    await closing;
  });

  it("takes durations in milliseconds or seconds, and rejects anything else", async () => {
    await together();
    expect(await bob.receive(NAME, { timeoutMs: 100 })).toEqual([]);
    const positional = 0.3 as unknown as object;
    await expect(bob.receive(NAME, positional)).rejects.toThrow("Options must be an object, not a number. Valid options: timeoutMs");
    await expect(bob.receive(NAME, { timeout_ms: 5 } as object)).rejects.toThrow('Unknown option "timeout_ms". Did you mean "timeoutMs"?');
    await expect(bob.receiveLatest(NAME, { timeoutMs: 5000, timeout: 5 })).rejects.toThrow("give one of them");
  });

  it("returns only the latest acknowledged message, and drops older ones", async () => {
    await together();
    for (let round = 0; round < 20; round++) {
      for (const text of ["one", "two", "three"]) await alice.send(NAME, `${text} ${round}`);
      expect(await bob.receiveLatest(NAME)).toBe(`three ${round}`);
    }
    expect(await bob.receive(NAME, { timeout: 0 })).toEqual([]);
  });

  it("receives all acknowledged envelopes", async () => {
    await together();
    const envelope = (text: string): Envelope => new Envelope(Protocol.A2A, "text/plain", new TextEncoder().encode(text));
    for (let round = 0; round < 10; round++) {
      for (const text of ["one", "two"]) await alice.sendEnvelope(NAME, envelope(text));
      expect(await bob.receiveEnvelopes(NAME)).toHaveLength(2);
    }
  });

  it("does not return an older message as the latest: without the relay it stays stored", async () => {
    await together();
    await alice.send(NAME, "one");
    await expect.poll(() => bob.receiveMessages(NAME, { timeoutMs: 0 })).toHaveLength(1);
    await alice.send(NAME, "two");
    await managers.harness.restart(async () => {
      // The first timeout passes before a message is read.
      for (const timeoutMs of [0.001, 200]) expect(await bob.receiveLatest(NAME, { timeoutMs })).toBeUndefined();
    });
    expect(await bob.receiveLatest(NAME, { timeoutMs: 20_000 })).toBe("two");
  });

  for (const maxMessages of [1024, 5]) {
    it(`returns the latest message after a restart with an inbox of ${maxMessages} messages`, async () => {
      await together();
      await bob.close();
      for (let n = 0; n < 50; n += 1) await alice.send(NAME, `message ${n}`);
      bob = managers.of("bob", { limits: { maxMessages } });
      await bob.open(NAME);
      expect(await bob.receiveLatest(NAME, { timeout: 20 })).toBe("message 49");
      expect(await bob.receive(NAME, { timeout: 0 })).toEqual([]);
    });
  }

  it("returns sender and sequence number of a message", async () => {
    await together();
    const { sequence } = await alice.send(NAME, "hello");
    const [message] = await bob.receiveMessages(NAME);
    expect(message).toMatchObject({ sequence, sender: new TextEncoder().encode("alice"), data: new TextEncoder().encode("hello") });
  });

  it("rejects calls for channels that were not created, joined or opened", async () => {
    await together();
    for (const call of [
      () => bob.send("acme/team/other", "x"),
      () => bob.receive("acme/team/other"),
      () => bob.addMember("acme/team/other", new Uint8Array()),
      () => bob.invite("acme/team/other"),
      () => bob.sendEnvelope("acme/team/other", new Envelope(Protocol.RAW, "text/plain", new Uint8Array())),
    ]) {
      await expect(call()).rejects.toMatchObject({ name: "ChannelError", code: "not_found" });
    }
    await expect(bob.open("acme/team/other")).rejects.toMatchObject({ code: "not_found" });
    await expect(bob.create("bad-name")).rejects.toThrow("invalid channel name: bad-name (expected org/namespace/service)");
    await bob.close();
    await expect(bob.open(NAME)).rejects.toMatchObject({ code: "closed" });
    for (const call of [
      () => bob.send(NAME, "x"),
      () => bob.rotateKey(NAME),
      () => bob.leave(NAME),
      () => bob.removeMember(NAME, "alice"),
    ]) {
      await expect(call()).rejects.toMatchObject({ name: "TransportError", code: "closed" });
    }
  });

  it("delivers stored messages and those sent during a restart", async () => {
    await together();
    await alice.send(NAME, "before");
    await expect.poll(async () => (await bob.receive(NAME, { timeout: 0 })).length).toBe(1);
    await alice.send(NAME, "waits, not received");
    await bob.close();
    await alice.send(NAME, "meanwhile");
    bob = managers.of("bob");
    await bob.open(NAME);
    const received: string[] = [];
    await expect
      .poll(async () => {
        received.push(...(await bob.receive(NAME, { timeout: 0.1 })));
        return received;
      })
      .toEqual(["waits, not received", "meanwhile"]);
    await bob.send(NAME, "back again");
    expect(await alice.receive(NAME)).toEqual(["back again"]);
  });

  it("reports its removal after the last message", async () => {
    await together();
    await alice.send(NAME, "a last word");
    await alice.removeMember(NAME, "bob");
    const received: string[] = [];
    await expect(
      (async () => {
        for (;;) received.push(...(await bob.receive(NAME, { timeout: 10 })));
      })(),
    ).rejects.toMatchObject({ name: "ChannelError", code: "removed" });
    expect(received).toEqual(["a last word"]);
    expect(bob.listChannels()).toEqual([]);
    await expect(bob.send(NAME, "still here?")).rejects.toMatchObject({ code: "removed" });
  });

  it("only sends with receive: false", async () => {
    await alice.create(NAME, { receive: false });
    await bob.join(NAME, await alice.addMember(NAME, await bob.keyPackage()));
    await bob.send(NAME, "nobody listens");
    await expect(alice.receive(NAME)).rejects.toThrow(TypeError);
    await alice.send(NAME, "but I can talk");
    expect(await bob.receive(NAME)).toEqual(["but I can talk"]);
  });

  it("reads up to the inbox's limit, and loses no message", async () => {
    await bob.close();
    bob = managers.of("bob", { limits: { maxMessages: 5 } });
    await together();
    const sent = Array.from({ length: 40 }, (_, n) => `message ${n}`);
    for (const text of sent) await alice.send(NAME, text);
    const received: string[] = [];
    while (received.length < sent.length) {
      const batch = await bob.receive(NAME, { timeout: 10 });
      expect(batch.length).toBeLessThanOrEqual(5);
      received.push(...batch);
    }
    expect(received).toEqual(sent);
  });
});

it("accepts messages up to the size in the README, and rejects larger ones", async () => {
  await together();
  await alice.send(NAME, new Uint8Array(1_015_000));
  const [message] = await bob.receiveMessages(NAME, { timeout: 20 });
  expect(message?.data).toHaveLength(1_015_000);
  await expect(alice.send(NAME, new Uint8Array(1_048_576))).rejects.toMatchObject({
    name: "ChannelError",
    code: "bad_request",
    message: expect.stringContaining("a message of 1048576 bytes is too large"),
  });
  await alice.send(NAME, "goes on");
  expect(await bob.receive(NAME)).toEqual(["goes on"]);
});

describe("leaving, and coming back", () => {
  const ways = {
    "by a token": async () => bob.joinWithToken(NAME, await alice.invite(NAME)),
    "by a welcome": async () => bob.join(NAME, await alice.addMember(NAME, await bob.keyPackage())),
  };

  async function bothTalk(): Promise<void> {
    await bob.send(NAME, "back");
    expect(await alice.receive(NAME, { timeout: 10 })).toEqual(["back"]);
    await alice.send(NAME, "welcome back");
    expect(await bob.receive(NAME, { timeout: 10 })).toEqual(["welcome back"]);
    expect(alice.members(NAME)).toHaveLength(2);
    expect(bob.members(NAME)).toHaveLength(2);
  }

  for (const [way, comeBack] of Object.entries(ways)) {
    it(`makes a member again, ${way}`, async () => {
      await together();
      await bob.leave(NAME);
      await expect.poll(() => alice.members(NAME).length).toBe(1);
      await comeBack();
      await bothTalk();
    });

    it(`makes a member again after a restart, ${way}`, async () => {
      await together();
      await bob.leave(NAME);
      await bob.close();
      await expect.poll(() => alice.members(NAME).length).toBe(1);
      bob = managers.of("bob");
      await comeBack();
      await bothTalk();
      await bob.close();
      bob = managers.of("bob");
      await bob.open(NAME);
      await bothTalk();
    });
  }

  it("fails with leaving until a member commits the removal", async () => {
    await together();
    const token = await alice.invite(NAME);
    await alice.close();
    await bob.leave(NAME);
    await expect(bob.joinWithToken(NAME, token)).rejects.toMatchObject({ name: "ChannelError", code: "leaving" });
  });

  it("removes the agent from its list of members", async () => {
    await together();
    await bob.leave(NAME);
    await expect.poll(() => bob.members(NAME).map(({ identity }) => Buffer.from(identity).toString())).toEqual(["alice"]);
    await expect(bob.send(NAME, "gone")).rejects.toMatchObject({ code: "removed" });
  });
});

describe("envelopes", () => {
  it("are delivered unchanged; other messages arrive as RAW", async () => {
    await together();
    const envelope = new Envelope(Protocol.A2A, "application/json", new TextEncoder().encode('{"hello":1}'), { trace: "abc" });
    await alice.sendEnvelope(NAME, envelope);
    await alice.send(NAME, "plain text");
    const received: Envelope[] = [];
    while (received.length < 2) received.push(...(await bob.receiveEnvelopes(NAME)));
    expect(received[0]).toEqual(envelope);
    expect(received[1]).toEqual(new Envelope(Protocol.RAW, "application/octet-stream", new TextEncoder().encode("plain text")));
  });

  it("preserve arbitrary bytes", async () => {
    await together();
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 600 }), async (data) => {
        await alice.send(NAME, data);
        const [envelope] = await bob.receiveEnvelopes(NAME, { timeout: 20 });
        expect(envelope).toBeInstanceOf(Envelope);
        const bytes = envelope?.protocol === Protocol.RAW ? envelope.payload : envelope?.serialize();
        expect(bytes).toEqual(data);
      }),
      { numRuns: 60 },
    );
  });
});

describe("a channel as a port", () => {
  it("delivers envelopes that match a subscription, and leaves others to receive", async () => {
    await together();
    const port = await bob.open(NAME);
    const inbound = port.receive({ protocol: Protocol.A2A });
    await alice.send(NAME, "raw");
    await alice.sendEnvelope(NAME, new Envelope(Protocol.A2A, "application/json", new Uint8Array([1])));
    const { value } = await inbound.next();
    expect(value).toMatchObject({ sender: "alice", envelope: { protocol: Protocol.A2A } });
    expect(await bob.receive(NAME)).toEqual(["raw"]);
    await inbound.return?.();
    await alice.sendEnvelope(NAME, new Envelope(Protocol.A2A, "application/json", new Uint8Array([2])));
    expect(await bob.receiveEnvelopes(NAME)).toMatchObject([{ protocol: Protocol.A2A, payload: new Uint8Array([2]) }]);
  });

  it("delivers all envelopes to each subscriber, in order, including stored ones", async () => {
    await together();
    await alice.send(NAME, "0");
    const port = await bob.open(NAME);
    const take = async (inbound: AsyncIterable<{ envelope: Envelope }>): Promise<string[]> => {
      const texts: string[] = [];
      for await (const { envelope } of inbound) if (texts.push(Buffer.from(envelope.payload).toString()) === 20) break;
      return texts;
    };
    const both = [take(port.receive()), take(port.receive())];
    for (let n = 1; n < 20; n += 1) await alice.send(NAME, String(n));
    const expected = Array.from({ length: 20 }, (_, n) => String(n));
    expect(await Promise.all(both)).toEqual([expected, expected]);
  });

  it("ends with the manager, and fails with the channel", async () => {
    await together();
    const ours = (await alice.open(NAME)).receive();
    const theirs = (await bob.open(NAME)).receive();
    const failing = expect(theirs.next()).rejects.toMatchObject({ code: "removed" });
    await alice.removeMember(NAME, "bob");
    await failing;
    const ending = ours.next();
    await alice.close();
    expect(await ending).toEqual({ done: true, value: undefined });
  });
});

describe("a data directory", () => {
  it("that is temporary causes a warning, and is deleted when the manager is closed", async () => {
    const onWarning = vi.fn<(warning: string) => void>();
    const { TMPDIR } = process.env;
    const temporary = join(managers.harness.directory, "temporary");
    await mkdir(temporary);
    process.env["TMPDIR"] = temporary;
    try {
      const nobody = managers.of("nobody", { dataDir: undefined, onWarning });
      expect(onWarning).toHaveBeenCalledExactlyOnceWith(expect.stringMatching(/^no dataDir: the keys .* is deleted when/));
      await nobody.create(NAME);
      expect(await readdir(temporary)).toEqual([expect.stringMatching(/^skytale-[0-9a-f]{16}$/)]);
      await nobody.close();
      expect(await readdir(temporary)).toEqual([]);
    } finally {
      if (TMPDIR === undefined) delete process.env["TMPDIR"];
      else process.env["TMPDIR"] = TMPDIR;
    }
  });

  it("that is temporary does not need a usable TMPDIR, and causes one warning per process", async () => {
    const emitWarning = vi.spyOn(process, "emitWarning").mockImplementation(() => undefined);
    const { TMPDIR } = process.env;
    process.env["TMPDIR"] = join(managers.harness.directory, "absent");
    try {
      const [first, second] = [managers.of("nobody", { dataDir: "" }), managers.of("somebody", { dataDir: undefined })];
      await first.keyPackage();
      await second.keyPackage();
      expect(emitWarning).toHaveBeenCalledOnce();
    } finally {
      emitWarning.mockRestore();
      if (TMPDIR === undefined) delete process.env["TMPDIR"];
      else process.env["TMPDIR"] = TMPDIR;
    }
  });

  it("can be relative and long, with any name; later changes of the working directory have no effect", async () => {
    const cwd = process.cwd();
    const dataDir = join("ein Verzeichnis", "語".repeat(40), "d".repeat(100));
    try {
      process.chdir(managers.harness.directory);
      const agent = managers.of("relative", { dataDir });
      process.chdir("/");
      await agent.create("acme/team/relative");
      await agent.close();
      const again = managers.of("relative", { dataDir: join(managers.harness.directory, dataDir) });
      await again.open("acme/team/relative");
      const message = expect.stringContaining(`${join(managers.harness.directory, dataDir)} is in use by another part of this process`);
      await expect(managers.of("relative", { dataDir: join(managers.harness.directory, dataDir) }).keyPackage()).rejects.toMatchObject({
        code: "data_dir_locked",
        message,
      });
    } finally {
      process.chdir(cwd);
    }
  });

  it.runIf(process.platform === "linux")("that can't be created is named, with the reason", async () => {
    const agent = managers.of("nowhere", { dataDir: "/proc/foo" });
    await expect(agent.keyPackage()).rejects.toMatchObject({
      code: "bad_request",
      message: expect.stringContaining("/proc/foo cannot be created"),
    });
  });

  it("belongs to one manager at a time, and to one identity", async () => {
    await alice.create(NAME);
    await expect(managers.of("alice").keyPackage()).rejects.toMatchObject({ name: "ChannelError", code: "data_dir_locked" });
    await alice.close();
    await expect(managers.of("alice", { identity: "mallory" }).keyPackage()).rejects.toMatchObject({
      code: "wrong_identity",
      message:
        'runtime error: The store belongs to an engine with the identity "alice", not "mallory": give the identity that it was created with, or another dataDir',
    });
    await managers.of("alice").open(NAME);
  });
});

it("rejects invalid options", () => {
  const options = { endpoint: "http://127.0.0.1:1", dataDir: "x", identity: "alice" };
  const nothing = { onWarning: () => undefined } as unknown as SkytaleChannelManagerOptions;
  expect(() => new SkytaleChannelManager(nothing)).toThrow(/^identity must be/);
  for (const wrong of [
    { identity: "" },
    { identity: 7 as unknown as string },
    { endpoint: "ftp://x" },
    { apiKey: "sk_live_x" },
    { apiKey: "sk", apiUrl: "nowhere" },
    { limits: { maxMessages: 0 } },
    { limits: { maxMessages: 1.5 } },
  ]) {
    expect(() => new SkytaleChannelManager({ ...options, ...wrong })).toThrow(TypeError);
  }
});

const MISSPELT: readonly object[] = [{ storagekey: new Uint8Array(32) }, { limits: { maxMessage: 10 } }, { relayLimits: { maxQueue: 10 } }];

it.each(MISSPELT)("rejects unknown options by name: %o", (misspelt) => {
  const options = { endpoint: "http://127.0.0.1:1", dataDir: "x", identity: "alice", ...misspelt };
  expect(() => new SkytaleChannelManager(options)).toThrow(
    /^Unknown option "(storagekey|limits.maxMessage|relayLimits.maxQueue)"\..* Valid options: /,
  );
  expect(() => new SkytaleClient(options)).toThrow(/^Unknown option /);
});

it("names events as the place of a listener that is given as an option", () => {
  const options = { endpoint: "http://127.0.0.1:1", dataDir: "x", identity: "alice", onDecrypted: () => undefined };
  const message = 'Unknown option "onDecrypted". It is an event: events: { onDecrypted: … }';
  expect(() => new SkytaleChannelManager(options)).toThrow(new TypeError(message));
  expect(() => new SkytaleClient(options)).toThrow(new TypeError(message));
});

it.each<[unknown, string]>([
  [5, 'Option "admissionTimes" must be an object'],
  [{ turns: { atLeast: 1, spread: 1 } }, 'Unknown option "admissionTimes.turns". Did you mean "admissionTimes.turn"?'],
  [{ turn: 5, welcome: {}, doubt: {} }, 'Option "admissionTimes.turn" must be an object with atLeast and spread'],
  [{ turn: { atLeast: 1, spread: 1 } }, 'Option "admissionTimes.welcome" is missing'],
  [{ turn: { atLeast: -1, spread: 1 } }, 'Option "admissionTimes.turn.atLeast" must be an integer from 0 on, not -1'],
  [{ turn: { atLeast: 1, sprea: 1 } }, 'Unknown option "admissionTimes.turn.sprea"'],
])("rejects admissionTimes of the wrong form, and names the member: %o", (admissionTimes, message) => {
  const options = { endpoint: "http://127.0.0.1:1", dataDir: "x", identity: "alice", admissionTimes: admissionTimes as never };
  expect(() => new SkytaleChannelManager(options)).toThrow(message);
});

it("a client has no options that are a manager's own", () => {
  const options = { endpoint: "http://127.0.0.1:1", dataDir: "x", identity: "alice", admit: true };
  expect(() => new SkytaleClient(options)).toThrow(/^Unknown option "admit"/);
});

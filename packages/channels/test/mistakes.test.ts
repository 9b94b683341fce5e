import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { SkytaleChannelManager, SkytaleClient } from "../src/index.ts";
import { NAME } from "./support/harness.ts";
import { Managers } from "./support/managers.ts";

let managers: Managers;
let alice: SkytaleChannelManager;

beforeEach(async () => {
  managers = await Managers.start();
  alice = managers.of("alice");
  await alice.create(NAME);
});
afterEach(() => managers[Symbol.asyncDispose]());

describe("a welcome", () => {
  it.each<readonly [string, (welcome: Uint8Array) => unknown]>([
    ["empty", () => new Uint8Array()],
    ["zeros", ({ length }) => new Uint8Array(length)],
    ["zeros, and few of them", () => new Uint8Array(8)],
    ["text as bytes", () => new TextEncoder().encode("hello, this is text")],
    ["text", () => "hello"],
    ["undefined", () => undefined],
    ["a number", () => 5],
    ["a list of numbers", (welcome) => [...welcome]],
    ["truncated", (welcome) => welcome.subarray(0, welcome.length - 7)],
    ["cut to its half", (welcome) => welcome.subarray(0, welcome.length / 2)],
    ["longer", (welcome) => Uint8Array.from([...welcome, 0])],
    ["flipped at the end", (welcome) => welcome.map((byte, at) => (at === welcome.length - 1 ? byte ^ 1 : byte))],
    ["flipped in the middle", (welcome) => welcome.map((byte, at) => (at === welcome.length >> 1 ? byte ^ 1 : byte))],
    ["flipped at the start of MLS", (welcome) => welcome.map((byte, at) => (at === 14 + NAME.length ? byte ^ 0xff : byte))],
    ["a key package", () => managers.of("carol").keyPackage()],
  ])("that is %s is rejected as invalid", async (_what, damage) => {
    const bob = managers.of("bob");
    const welcome = await alice.addMember(NAME, await bob.keyPackage());
    const damaged = (await damage(welcome)) as Uint8Array;
    await expect(bob.join(NAME, damaged)).rejects.toMatchObject({
      name: "MlsError",
      code: "invalid_welcome",
      message: expect.stringMatching(/^MLS engine error: /) as string,
    });
  });

  it("that was used, or is for another agent, is rejected as invalid", async () => {
    const [bob, carol] = [managers.of("bob"), managers.of("carol")];
    const welcome = await alice.addMember(NAME, await bob.keyPackage());
    await expect(carol.join(NAME, welcome)).rejects.toMatchObject({ code: "invalid_welcome" });
    await bob.join(NAME, welcome);
    await bob.close();
    await expect(managers.of("bob").join(NAME, welcome)).rejects.toMatchObject({ code: "invalid_welcome" });
  });
});

describe("an authenticate of the application", () => {
  it("that rejects a member is named when a join fails, with its error as the cause", async () => {
    const down = new Error("the directory of members is down");
    const refusing = managers.of("bob", { authenticate: (credential) => Promise.reject(credential.type === 1 ? down : credential) });
    const failure = await refusing.joinWithToken(NAME, await alice.invite(NAME)).catch((error: unknown) => error);
    expect(failure).toMatchObject({ name: "MlsError", code: "invalid_welcome", cause: { code: "credential_refused", cause: down } });
    expect(String(failure)).toContain("this agent does not accept one of the members (authenticate)");
    expect(String(failure)).not.toContain("damaged");
  });
});

describe("a mistake", () => {
  it("in the type of a message names the remedy", async () => {
    for (const [message, expected] of [
      [{ a: 1 }, "A message is a string or a Uint8Array, not an object: use JSON.stringify(…)"],
      [Promise.resolve("x"), "A message is a string or a Uint8Array, not a Promise: await it"],
      [new ArrayBuffer(1), "A message is a string or a Uint8Array, not an ArrayBuffer: use new Uint8Array(…)"],
      [new Uint16Array(1), "A message is a string or a Uint8Array, not another view"],
      [5, "A message is a string or a Uint8Array, not number"],
      [null, "A message is a string or a Uint8Array, not null"],
      [undefined, "A message is a string or a Uint8Array, not undefined"],
    ] as const) {
      await expect(alice.send(NAME, message as never)).rejects.toThrow(expected);
    }
  });

  it("in a channel name is reported with the expected format", async () => {
    for (const name of ["bad-name", "a/b", "", undefined, 5]) {
      await expect(alice.create(name as string)).rejects.toThrow(/^invalid channel name: .*\(expected org\/namespace\/service\)$/);
    }
  });

  it("in a constructor's arguments names the options", () => {
    for (const nothing of [undefined, null]) {
      expect(() => new SkytaleChannelManager(nothing as never)).toThrow(/SkytaleChannelManager takes an options object/);
      expect(() => new SkytaleClient(nothing as never)).toThrow(/SkytaleClient takes an options object/);
    }
    expect(() => new SkytaleClient("http://127.0.0.1:1", "x", "alice", { apikey: "x" } as object)).toThrow('Did you mean "apiKey"?');
  });

  it.each<[object, string]>([
    [{ endpoint: 5 }, 'Option "endpoint" must be a string, not 5'],
    [{ endpoint: new URL("http://127.0.0.1:1") }, 'Option "endpoint" must be a string, not a URL'],
    [{ dataDir: 5 }, 'Option "dataDir" must be a string, not 5'],
    [{ allowSameIdentity: "no" }, 'Option "allowSameIdentity" must be true or false, not a string'],
    [{ onWarning: console }, 'Option "onWarning" must be a function'],
    [{ ca: "pem" }, 'Option "ca" must be a Uint8Array, not a string'],
    [{ token: "abc" }, 'Option "token" must be a function, not a string'],
    [{ authenticate: true }, 'Option "authenticate" must be a function, not true'],
    [{ store: {} }, 'Option "store" must be a GroupStore, not an object'],
    [{ transport: {} }, 'Option "transport" must be a RelayTransport, not an object'],
    [{ events: { onConnect: () => {} } }, 'Unknown option "events.onConnect". Did you mean "events.onConnected"?'],
    [{ events: { onError: 5 } }, 'Option "events.onError" must be a function, not 5'],
    [{ events: () => {} }, 'Option "events" must be an object, not a function'],
  ])("in an option is reported by name: %j", (options, expected) => {
    const all = { endpoint: "http://127.0.0.1:1", dataDir: "x", identity: "a", ...options };
    expect(() => new SkytaleClient(all)).toThrow(expected);
    expect(() => new SkytaleChannelManager(all)).toThrow(expected);
    expect(() => new SkytaleChannelManager({ ...all, ...options, admit: "no" as never })).toThrow(TypeError);
  });

  it("in a boolean option is rejected", async () => {
    const no = "no" as never;
    await expect(alice.create("acme/team/a", { replace: no })).rejects.toThrow('"replace" must be true or false, not a string');
    await expect(alice.open(NAME, { receive: no })).rejects.toThrow('"receive" must be true or false');
    await expect(alice.join(NAME, new Uint8Array(1), { updateKeys: no })).rejects.toThrow('"updateKeys" must be true or false');
    await expect(alice.joinWithToken(NAME, "x", { receive: no })).rejects.toThrow('"receive" must be true or false');
    await expect(alice.addMember(NAME, new Uint8Array(1), { allowSameIdentity: no })).rejects.toThrow("must be true or false");
    expect(() => managers.of("bob", { admit: no })).toThrow('"admit" must be true or false');
  });

  it("in a signal is reported", async () => {
    const wrong = { signal: new AbortController() as never };
    const expected = 'Option "signal" must be an AbortSignal, not an AbortController: pass its signal';
    for (const call of [
      () => alice.send(NAME, "x", wrong),
      () => alice.receive(NAME, wrong),
      () => alice.create("acme/team/a", wrong),
      () => alice.joinWithToken(NAME, "x", wrong),
      () => alice.connect(wrong),
    ]) {
      await expect(call()).rejects.toThrow(expected);
    }
  });

  it("in the order of arguments does not reveal a secret", async () => {
    const token = await alice.invite(NAME);
    const expected = "invalid channel name: a token or key in place of a name (expected org/namespace/service)";
    await expect(alice.joinWithToken(token, NAME)).rejects.toThrow(expected);
    await expect(alice.send(` ${token}`, "x")).rejects.toThrow(expected);
    await expect(alice.create(managers.harness.apiKey)).rejects.toThrow(expected);
    await expect(alice.send("what was to be sent", NAME)).rejects.toThrow("invalid channel name: what was to be sent (expected");
  });

  it("of the type of a key package has the code of a bad one", async () => {
    for (const wrong of [undefined, "text", [1, 2], new Uint8Array(), new Uint8Array(40)]) {
      await expect(alice.addMember(NAME, wrong as Uint8Array)).rejects.toMatchObject({ name: "MlsError" });
    }
  });

  it("is reported with the channel, the limit or the member", async () => {
    await expect(alice.send("acme/team/other", "x")).rejects.toThrow("the channel acme/team/other is not open");
    await expect(alice.removeMember(NAME, "dave")).rejects.toThrow('no member of acme/team/general has the identity "dave"');
    await expect(alice.send(NAME, new Uint8Array(3_000_000))).rejects.toThrow(
      "a message of 3000000 bytes is too large: the relay accepts 1048576 bytes",
    );
    await expect(managers.of("bob").open(NAME)).rejects.toThrow("not a member of the channel acme/team/general");
  });

  it("in the configuration is reported before any request", async () => {
    await using nobody = new SkytaleClient({
      endpoint: "http://127.0.0.1:1",
      dataDir: `${managers.harness.directory}/nobody`,
      identity: "nobody",
    });
    await expect(nobody.connect()).rejects.toMatchObject({
      code: "api_key_required",
      message: expect.stringMatching(/^auth error: this client has no apiKey.*SKYTALE_API_KEY/) as string,
    });
  });

  it("of a wrong key or an unreachable API server names its URL", async () => {
    const { apiUrl } = managers.harness.server;
    const wrong = managers.of("wrong", { apiKey: "sk_live_wrong" });
    await expect(wrong.create("acme/team/wrong")).rejects.toThrow(`(the API server at ${apiUrl})`);
    const lost = managers.of("lost", { apiUrl: "http://127.0.0.1:1" });
    await expect(lost.create("acme/team/lost")).rejects.toThrow(
      "transport error: the API server at http://127.0.0.1:1 is unreachable, or the connection was lost: connect ECONNREFUSED 127.0.0.1:1. Is a server running? " +
        "To start one: npx -p @parley/skytale-server skytale-server",
    );
    const unrelayed = managers.of("unrelayed", { endpoint: "http://127.0.0.1:1" });
    await expect(unrelayed.connect({ timeoutMs: 5000 })).rejects.toThrow("Is a relay running? To start one:");
  });
});

describe("a pasted token", () => {
  it("is accepted with line breaks, spaces and invisible characters", async () => {
    const token = await alice.invite(NAME, { maxUses: 4, ttlMs: 60_000 });
    const pasted = [`  ${token}\n`, token.replace(/(.{20})/g, "$1\r\n  "), `\uFEFF${token}\u200B`];
    for (const [index, text] of pasted.entries()) await managers.of(`agent ${index}`).joinWithToken(NAME, text);
    expect(alice.members(NAME)).toHaveLength(4);
    await expect(managers.of("late").joinWithToken(NAME, token.slice(0, -1))).rejects.toMatchObject({ code: "invite_malformed" });
  });

  it("for an API key can end with a newline", async () => {
    const carol = managers.of("carol", { apiKey: `${managers.harness.apiKey}\n` });
    await carol.create("acme/team/carols");
    expect(carol.listChannels()).toEqual(["acme/team/carols"]);
  });
});

it("after the server has lost its data, errors name the cause, and the channel can be created again", async () => {
  const { harness } = managers;
  await alice.close();
  await harness.restart(() => rm(join(harness.directory, "server"), { recursive: true }));
  const apiKey = harness.server.apiKey ?? "";
  alice = managers.of("alice", { apiKey });
  await alice.open(NAME);
  const unknown = /the server does not know the channel acme\/team\/general.*forget\("acme\/team\/general"\)/;
  await expect(alice.invite(NAME)).rejects.toThrow(unknown);
  await expect(alice.send(NAME, "anybody?")).rejects.toThrow(unknown);
  await expect(alice.create(NAME)).rejects.toThrow(/is already a member of the channel acme\/team\/general: open it, or forget it/);
  await alice.forget(NAME);
  expect(alice.listChannels()).toEqual([]);
  await alice.create(NAME);
  expect(await alice.send(NAME, "a new start")).toEqual({ sequence: 1 });
});

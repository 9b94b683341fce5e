import { join } from "node:path";
import { canMountSmallDisk, smallDisk, type SmallDisk } from "@parley/test-assertions";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type ChannelError, SkytaleChannelManager, SkytaleClient } from "../src/index.ts";
import { NAME } from "./support/harness.ts";
import { Managers } from "./support/managers.ts";

const MESSAGES = 80;
const canMount = await canMountSmallDisk("channels of an agent whose disk is full");

describe.skipIf(!canMount)("an agent whose disk is full", { timeout: 120_000 }, () => {
  let disk: SmallDisk;
  let managers: Managers;
  let dataDir: string;
  let full: object;
  beforeEach(async () => {
    disk = await smallDisk(3 * 1024 * 1024);
    managers = await Managers.start();
    dataDir = join(disk.path, "bob");
    full = {
      name: "ChannelError",
      code: "storage_failed",
      retryable: true,
      message: expect.stringContaining(`no space left on device, ${dataDir}`),
    };
  });
  afterEach(async () => {
    await disk.drain();
    await managers[Symbol.asyncDispose]();
    await disk.remove();
  });

  async function together(): Promise<[alice: SkytaleChannelManager, bob: SkytaleChannelManager]> {
    const [alice, bob] = [managers.of("alice"), managers.of("bob", { dataDir })];
    await alice.create(NAME);
    await bob.joinWithToken(NAME, await alice.invite(NAME));
    return [alice, bob];
  }

  /** The error of the first call that fails. */
  async function failureOf(call: () => Promise<unknown>): Promise<ChannelError> {
    for (let calls = 0; calls < 1000; calls += 1) {
      try {
        // Background writes may have freed space.
        await disk.fill();
        await call();
      } catch (error) {
        return error as ChannelError;
      }
    }
    throw new Error("no call has failed");
  }

  it("receives all messages, and sends again, as soon as there is space", async () => {
    const [alice, bob] = await together();
    await disk.fill();
    for (let i = 0; i < MESSAGES; i += 1) await alice.send(NAME, `${i} ${"x".repeat(3000)}`);
    const got = new Set<string>();
    const receive = async (): Promise<void> => {
      for (const message of await bob.receive(NAME, { timeoutMs: 2000 })) got.add(message.split(" ")[0] ?? "");
    };
    expect(await failureOf(receive)).toMatchObject(full);
    expect(await failureOf(() => bob.send(NAME, "from a full disk"))).toMatchObject(full);
    await disk.drain();
    while (got.size < MESSAGES) await receive();
    await bob.send(NAME, "there is room");
    expect(await alice.receive(NAME)).toEqual(["there is room"]);
    await alice.rotateKey(NAME);
    await alice.send(NAME, "in the next epoch");
    expect(await bob.receive(NAME)).toEqual(["in the next epoch"]);
  });

  it("approves joins again as soon as there is space, without a call", async () => {
    const [alice, bob] = [managers.of("alice"), managers.of("bob", { dataDir })];
    await bob.create(NAME);
    const token = await bob.invite(NAME);
    await disk.fill();
    expect(await failureOf(() => bob.rotateKey(NAME))).toMatchObject(full);
    await disk.drain();
    await alice.joinWithToken(NAME, token);
    await alice.send(NAME, "hello");
    expect((await bob.receive(NAME)).at(-1)).toBe("hello");
  });

  it("recovers after a failure of each call", async () => {
    const [alice, bob] = await together();
    const calls: readonly (() => Promise<unknown>)[] = [
      () => bob.keyPackage(),
      () => bob.rotateKey(NAME),
      () => bob.send(NAME, "again"),
      () => bob.open(NAME),
      async () => bob.create("acme/team/second"),
    ];
    for (const [index, call] of calls.entries()) {
      await disk.fill();
      // Opening a channel that is open writes nothing; one that has failed is read from the disk again.
      const failed = await failureOf(async () => {
        if (index === 3) await bob.send(NAME, "x".repeat(2000));
        await call();
      });
      expect(failed).toMatchObject(full);
      await disk.drain();
      await call();
    }
    await alice.send(NAME, "at last");
    const texts: string[] = [];
    while (!texts.includes("at last")) texts.push(...(await bob.receive(NAME)));
  });

  it("unlocks its data directory on close, even if writes fail", async () => {
    const alice = managers.of("alice");
    await alice.create(NAME);
    const { relayUrl, apiUrl } = managers.harness.server;
    const account = { endpoint: relayUrl, apiUrl, apiKey: managers.harness.apiKey };
    const bob = new SkytaleChannelManager({ ...account, identity: "bob", dataDir });
    await bob.joinWithToken(NAME, await alice.invite(NAME));
    await disk.fill();
    await failureOf(() => bob.send(NAME, "x".repeat(2000)));
    await expect(bob.close()).rejects.toMatchObject(full);
    await disk.drain();
    const again = managers.of("bob", { dataDir });
    await again.open(NAME);
    await again.send(NAME, "again");
  });

  it("opens a failed channel of a client again", async () => {
    const client = new SkytaleClient(managers.harness.server.relayUrl, dataDir, "carol", {
      apiKey: managers.harness.apiKey,
      apiUrl: managers.harness.server.apiUrl,
    });
    const channel = await client.createChannel("acme/team/client");
    expect(await failureOf(() => channel.rotateKey())).toMatchObject(full);
    await expect(channel.send(new Uint8Array(2000))).rejects.toMatchObject(full);
    await disk.drain();
    const again = await client.openChannel("acme/team/client");
    await again.send(new Uint8Array(2000));
    await again.rotateKey();
    await client.close();
  });

  it("opens its directory once there is space", async () => {
    const bob = managers.of("bob", { dataDir });
    await disk.fill();
    await expect(bob.keyPackage()).rejects.toMatchObject(full);
    await disk.drain();
    expect((await bob.keyPackage()).length).toBeGreaterThan(0);
  });
});

import { chmod, copyFile, mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { lockDirectory } from "@parley/storage/directory-lock";
import { rejectionOf } from "@parley/test-assertions";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DirectoryKeyStore } from "../../src/end-to-end/directory-key-store.ts";
import { nameOf } from "../../src/end-to-end/keyring.ts";
import { Agents, ALICE, ask, BOB } from "./agents.ts";
import { MemoryKeyStore } from "./memory-key-store.ts";

const DAVE = "did:web:a.localhost:dave";

let agents: Agents;

beforeEach(async () => {
  agents = await Agents.start();
});

afterEach(() => agents[Symbol.asyncDispose]());

function fileOf(did: string, kind: string): string {
  return join(agents.keyStore(did), `${nameOf(did)}.${kind}`);
}

async function modeOf(path: string): Promise<string> {
  return ((await stat(path)).mode & 0o777).toString(8);
}

/** What a client of Alice fails with. */
async function failure(config: object = {}): Promise<unknown> {
  const error = await rejectionOf(agents.agent(ALICE, config).connect());
  expect(error).toMatchObject({ name: "ConnectionError", cause: { name: "EndToEndError" } });
  return error;
}

describe("a key store", () => {
  it("is taken from other users, files and directory", async () => {
    await agents.echo(BOB);
    const first = await agents.agent(ALICE).connect();
    await first.request(ask(BOB));
    await first.close();
    const directory = agents.keyStore(ALICE);
    await chmod(directory, 0o777);
    for (const name of await readdir(directory)) if (!name.startsWith("lock.")) await chmod(join(directory, name), 0o666);
    await writeFile(`${fileOf(ALICE, "keys")}.new`, "left by a crash");
    await (await agents.agent(ALICE).connect()).request(ask(BOB));
    expect(await modeOf(directory)).toBe("700");
    const names = (await readdir(directory)).filter((name) => !name.startsWith("lock."));
    expect(names.toSorted()).toEqual(["handled", "keys", "pins"].map((kind) => `${nameOf(ALICE)}.${kind}`));
    for (const name of names) expect(await modeOf(join(directory, name))).toBe("600");
  });

  it("in a directory with other files is left as it is, unless other users can write there", async () => {
    const directory = join(agents.path, "home");
    await mkdir(directory);
    await writeFile(join(directory, "notes.txt"), "");
    await chmod(directory, 0o755);
    const client = await agents.agent(ALICE, { keyStore: directory }).connect();
    await client.close();
    expect(await modeOf(directory)).toBe("755");
    await chmod(directory, 0o775);
    expect(await failure({ keyStore: directory })).toMatchObject({
      code: "key_store_invalid",
      message: expect.stringContaining(`${directory} has other files too, and other users can write to it`) as unknown,
    });
    expect(await modeOf(directory)).toBe("775");
  });

  it("that is a file, or whose files are directories, is named", async () => {
    const file = join(agents.path, "file");
    await writeFile(file, "");
    const keys = fileOf(ALICE, "keys");
    expect(await failure({ keyStore: file })).toMatchObject({
      code: "key_store_invalid",
      message: `Could not connect: The key store can't be used: ${file} cannot be created: it exists and is not a directory`,
    });
    await mkdir(keys, { recursive: true });
    expect(await failure()).toMatchObject({
      code: "key_store_invalid",
      message: `Could not connect: The key store can't be used: ${keys} is a directory, not a regular file: remove it`,
    });
  });

  it("without the keys of a DID whose other files it has creates no new ones", async () => {
    await agents.echo(BOB);
    const first = await agents.agent(ALICE).connect();
    await first.request(ask(BOB));
    const fingerprint = await first.keyFingerprint();
    await first.close();
    const keys = await readFile(fileOf(ALICE, "keys"));
    await rm(fileOf(ALICE, "keys"));
    expect(await failure()).toMatchObject({
      code: "key_store_invalid",
      message: expect.stringContaining(`${fileOf(ALICE, "keys")} is missing, which has the keys of ${ALICE}`) as unknown,
    });
    await writeFile(fileOf(ALICE, "keys"), keys);
    expect(await (await agents.agent(ALICE).connect()).keyFingerprint()).toBe(fingerprint);
  });

  it("that is another one than before: its new keys are refused, with that as the reason", async () => {
    await (await agents.agent(ALICE).connect()).close();
    const keyStore = agents.keyStore("thief");
    const file = join(keyStore, `${nameOf(ALICE)}.keys`);
    await expect(agents.agent(ALICE, { keyStore }).connect()).rejects.toMatchObject({
      code: "join_refused",
      reason: "e.join.keys.changed",
      message: expect.stringContaining(`These keys are new: the key store had none of ${ALICE}, and they are now in ${file}`) as unknown,
    });
  });

  it("with remembered keys that are damaged, or another agent's, does not accept replaced keys", async () => {
    await agents.echo(BOB);
    for (const did of [ALICE, DAVE]) {
      const client = await agents.agent(did).connect();
      await client.request(ask(BOB));
      await client.close();
    }
    const pins = fileOf(ALICE, "pins");
    const text = await readFile(pins, "utf8");
    await writeFile(pins, text.replace(/.{10}\n$/, "\n"));
    expect(await failure()).toMatchObject({
      code: "key_store_invalid",
      message: expect.stringContaining(`${pins} is damaged in line `) as unknown,
    });
    await copyFile(fileOf(DAVE, "pins"), pins);
    expect(await failure()).toMatchObject({
      code: "key_store_invalid",
      message: `Could not connect: ${pins} is a file of ${DAVE}, not of ${ALICE}`,
    });
    await writeFile(pins, text);
    await copyFile(fileOf(DAVE, "handled"), fileOf(ALICE, "handled"));
    expect(await failure()).toMatchObject({
      code: "key_store_invalid",
      message: `Could not connect: ${fileOf(ALICE, "handled")} is a file of ${DAVE}, not of ${ALICE}`,
    });
  });

  it.each([
    ["a directory", () => join(agents.path, "shared")],
    ["an object", () => new MemoryKeyStore()],
  ])("can be used by several clients of one process, and of one DID: %s", async (_what, create) => {
    const keyStore = create();
    const clients = [ALICE, ALICE, DAVE].map((did) => agents.agent(did, { keyStore }));
    // Both of Alice's may create her keys; one of them takes the DID over.
    await Promise.allSettled(clients.map((client) => client.connect()));
    const [first, second, dave] = clients;
    const prints = await Promise.all([first?.keyFingerprint(), second?.keyFingerprint()]);
    expect(prints[0]).toMatch(/^\d{5} /);
    expect(prints[1]).toBe(prints[0]);
    await Promise.all([first?.rotateKeys(), second?.rotateKeys()]);
    const rotated = await first?.keyFingerprint();
    expect(rotated).not.toBe(prints[0]);
    expect(await second?.keyFingerprint()).toBe(rotated);
    await Promise.all([first?.close(), second?.close()]);
    expect(await dave?.keyFingerprint()).toMatch(/^\d{5} /);
    const back = await agents.agent(ALICE, { keyStore }).connect();
    expect(await back.keyFingerprint()).toBe(rotated);
  });

  it("is unlocked when its client is closed while it connects", async () => {
    for (let turns = 0; turns < 12; turns++) {
      const client = agents.agent(ALICE);
      const connecting = client.connect().catch(() => undefined);
      for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setTimeout(resolve, turn));
      await client.close();
      await connecting;
      await expect.poll(() => lockDirectory(agents.keyStore(ALICE)).then((lock) => lock.release())).toBeUndefined();
    }
  });

  it("writes nothing after it is closed", async () => {
    const path = join(agents.path, "closed");
    const store = await DirectoryKeyStore.open(path);
    await store.write("one.keys", "1");
    await store.close();
    for (const write of [() => store.write("one.keys", "2"), () => store.append("one.keys", "2"), () => store.create("two.keys", "2")])
      await expect(write()).rejects.toMatchObject({ code: "keys_not_held" });
    expect(await readFile(join(path, "one.keys"), "utf8")).toBe("1");
    const next = await DirectoryKeyStore.open(path);
    expect(await next.create("one.keys", "3")).toBe(false);
    expect(await next.read("one.keys")).toBe("1");
    expect((await readdir(path)).filter((name) => name.endsWith(".new"))).toEqual([]);
    await next.close();
  });

  it("is unlocked when a connect fails", async () => {
    const client = agents.agent(ALICE, { nodeUrl: "http://127.0.0.1:1" });
    await expect(client.connect()).rejects.toMatchObject({ code: "connect_failed" });
    const names = await readdir(agents.keyStore(ALICE));
    await rm(agents.keyStore(ALICE), { recursive: true });
    const back = await agents.agent(ALICE).connect();
    expect(await readdir(agents.keyStore(ALICE))).toHaveLength(names.length);
    expect(await back.keyFingerprint()).toMatch(/^\d{5} /);
  });
});

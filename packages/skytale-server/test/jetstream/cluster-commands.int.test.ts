import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describeUnless, temporaryDirectory } from "@parley/test-assertions";
import { missingNats, startNats, type NatsServers } from "@parley/test-nats";
import { RelayClient } from "@parley/skytale-relay";
import { afterAll, afterEach, beforeAll, expect, it, onTestFinished, vi } from "vitest";
import { JetstreamConnection } from "@parley/jetstream";
import { createAccount, listAccounts } from "../../src/cli/accounts.ts";
import { CLUSTER, clusterImport } from "../../src/cli/cluster.ts";
import { createKey, revokeKey } from "../../src/cli/keys.ts";
import { JetstreamRegistry } from "../../src/jetstream.ts";
import type { SkytaleOptions } from "../../src/options.ts";
import { startSkytale } from "../../src/server.ts";
import { ApiClient } from "../api/api-client.ts";
import { makeInvite, prove, registration } from "../api/reference-invite.ts";

const CHANNEL = "acme/team/general";
const RETENTION = { maxEntries: 100 };
const PREFIX = "clu";

describeUnless(missingNats(1), "the commands for servers that share their data", () => {
  let nats: NatsServers;
  let flags: readonly string[];
  const lines: string[] = [];

  beforeAll(async () => {
    nats = await startNats();
    flags = ["--nats", nats.urls.join(","), "--nats-prefix", PREFIX];
    vi.spyOn(console, "log").mockImplementation((line: string) => void lines.push(line));
  });
  afterEach(() => {
    lines.length = 0;
  });
  afterAll(async () => {
    vi.restoreAllMocks();
    await nats.stop();
  });

  function relay(url: string, account: ApiClient): RelayClient {
    const token = async (): Promise<string> => String((await account.post("/v1/tokens", { audience: ["skytale-relay"] })).body["token"]);
    const client = new RelayClient({ url, token });
    onTestFinished(() => client.close());
    return client;
  }

  const publish = (client: RelayClient, text: string, commit?: bigint) =>
    client.publish(CHANNEL, { kind: commit === undefined ? "application" : "commit", epoch: commit ?? 1n, payload: Buffer.from(text) });

  /** What a reader gets of the log: texts by number, and the numbers of evicted entries. */
  async function readAll(client: RelayClient, from: number): Promise<readonly string[]> {
    const [head] = await client.heads([CHANNEL]);
    const found: string[] = [];
    for await (const { sequence, payload, kind } of client.subscribe(CHANNEL, { from })) {
      found.push(`${sequence} ${kind} ${Buffer.from(payload).toString()}`);
      if (sequence + 1 >= (head?.next ?? 1)) break;
    }
    return found;
  }

  it("copy a data directory to NATS, where channels keep their numbers, and copy that into files and back", async () => {
    const directory = await temporaryDirectory();
    onTestFinished(() => directory.remove());
    const dataDir = join(directory.path, "data");
    const free: SkytaleOptions = { port: 0, relayPort: 0, logger: false, retention: RETENTION };
    const single = await startSkytale({ ...free, dataDir });
    const api = new ApiClient(single.apiUrl, single.apiKey);
    expect((await api.post("/v1/channels", { name: CHANNEL })).status).toBe(201);
    const { apiKey: other } = await single.createAccount({ email: "bob@example.org", name: "bob" });
    const bob = new ApiClient(single.apiUrl, other.key);
    const invite = makeInvite();
    await api.post("/v1/channels/invites", registration(invite, CHANNEL));
    const request = prove(invite, CHANNEL, Buffer.from("key package"));
    expect((await bob.post("/v1/channels/joins", request)).status).toBe(202);
    const answer = { channel: CHANNEL, welcome: "AAAA" };
    expect((await api.post(`/v1/channels/pending/${request.request_id}/welcome`, answer)).status).toBe(204);
    const client = relay(single.relayUrl, api);
    const flood = relay(single.relayUrl, bob);
    await publish(client, "commit 7", 7n);
    for (let index = 0; index < 5; index++) await publish(client, `message ${index}`);
    for (let index = 0; index < 200; index++) await publish(flood, `flood ${index}`);
    await publish(client, "last");
    await client.publishWelcome(CHANNEL, { recipients: [Buffer.from("reference")], payload: Buffer.from("welcome") });
    const [before] = await client.heads([CHANNEL]);
    const expected = await readAll(client, before?.first ?? 1);
    expect(expected.length).toBeLessThan(before?.next ?? 0);
    await Promise.all([client.close(), flood.close()]);
    await single.close();
    const serverKey = Buffer.from((await readFile(join(dataDir, "server.key"), "utf8")).trim(), "base64url");

    await clusterImport(["--from", dataDir, ...flags], {});
    expect(lines[0]).toMatch(/^imported \d+ records, 1 channels with \d+ entries \(10\d evicted\), 1 Welcomes$/);
    await clusterImport(["--from", dataDir, ...flags], {});
    expect(lines[2]).toContain("was imported before");
    // As if the first one had been interrupted at its end.
    const connection = await JetstreamConnection.connect({ servers: nats.urls, prefix: PREFIX });
    onTestFinished(() => connection.close());
    const registry = await JetstreamRegistry.open(connection);
    const mark = await registry.get("import/directory");
    await registry.commit([{ key: "import/directory", expected: mark?.revision, record: { isComplete: false } }]);
    await registry.close();
    await clusterImport(["--from", dataDir, ...flags], {});
    expect(lines[4]).toBe(lines[0]);

    const shared: SkytaleOptions = { ...free, nats: nats.urls, natsPrefix: PREFIX, serverKey, nodeName: "one" };
    const check = async (): Promise<void> => {
      const server = await startSkytale(shared);
      expect(server.apiKey).toBeUndefined();
      const again = new ApiClient(server.apiUrl, single.apiKey);
      expect((await new ApiClient(server.apiUrl, other.key).get("/v1/accounts/me")).body).toMatchObject({ name: "bob" });
      const reader = relay(server.relayUrl, again);
      const [head] = await reader.heads([CHANNEL]);
      expect(head).toMatchObject({ first: before?.first, next: expect.any(Number) as number });
      expect((await readAll(reader, before?.first ?? 1)).slice(0, expected.length)).toEqual(expected);
      expect(await reader.fetchWelcomes(CHANNEL, [Buffer.from("reference")])).toHaveLength(1);
      await expect(publish(reader, "another commit 7", 7n)).rejects.toMatchObject({ code: "epoch_taken" });
      await CLUSTER.status(flags, {});
      expect(lines.join("\n")).toMatch(/1 server\(s\) share the data: one\nCLU_CLAIM\t1 messages/);
      await expect(clusterImport(["--from", dataDir, ...flags], {})).rejects.toThrow("Servers are running there: one");
      await server.close();
    };
    await check();

    const files = join(directory.path, "export");
    await CLUSTER.export([files, ...flags], {});
    const streams = new Set(lines.flatMap((line) => /^CLU_\w+/.exec(line) ?? []));
    for (const stream of streams) await connection.jsm.streams.delete(stream);
    lines.length = 0;
    await CLUSTER.restore([files, ...flags], {});
    expect(lines.length).toBeGreaterThan(20);
    lines.length = 0;
    await check();
    await expect(CLUSTER.restore([files, ...flags], {})).rejects.toThrow(/already in use|exist/);
  });

  it("manage accounts and keys while a server runs", async () => {
    const prefix = "acc";
    const serverKey = randomBytes(32);
    const environment = { SKYTALE_SERVER_KEY: serverKey.toString("base64") };
    const own = ["--nats", nats.urls.join(","), "--nats-prefix", prefix];
    await expect(listAccounts(own, environment)).rejects.toThrow("NATS has no streams with the prefix acc");
    await expect(listAccounts(own, {})).rejects.toThrow("SKYTALE_SERVER_KEY");
    const server = await startSkytale({ port: 0, relayPort: 0, logger: false, nats: nats.urls, natsPrefix: prefix, serverKey });
    onTestFinished(() => server.close());
    const whoIs = async (key: string) => (await new ApiClient(server.apiUrl, key).get("/v1/accounts/me")).body;

    await createAccount(["--email", "carol@example.org", "--name", "carol", ...own], environment);
    const [, account = "", key = ""] = /^account (.+)\nkey (.+)$/.exec(lines[0] ?? "") ?? [];
    expect(await whoIs(key)).toMatchObject({ id: account, name: "carol" });
    await listAccounts(own, environment);
    expect(new Set(lines.slice(1).map((line) => line.split("\t")[2]))).toEqual(new Set(["carol@example.org", "operator@localhost"]));
    lines.length = 0;
    await createKey(["--account", account, "--name", "laptop", ...own], environment);
    const [, id = "", other = ""] = /^id (.+)\nkey (.+)$/.exec(lines[0] ?? "") ?? [];
    expect(await whoIs(other)).toMatchObject({ name: "carol" });
    await revokeKey([id, ...own], environment);
    await expect.poll(() => whoIs(other)).toMatchObject({ code: "key_invalid" });
  });
});

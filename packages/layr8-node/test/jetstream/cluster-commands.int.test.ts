import { randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describeUnless, temporaryDirectory } from "@parley/test-assertions";
import { missingNats } from "@parley/test-nats";
import { afterAll, afterEach, beforeAll, expect, it, onTestFinished, vi } from "vitest";
import { CLUSTER, clusterImport } from "../../src/cli/cluster.ts";
import { createKey, listKeys, revokeKey } from "../../src/cli/keys.ts";
import { JetstreamDeadLetters } from "../../src/jetstream/jetstream-dead-letters.ts";
import { startNode } from "../../src/node.ts";
import type { NodeOptions } from "../../src/options.ts";
import { credentialOf, RestClient } from "../http/rest-client.ts";
import { RawAgent } from "../raw-agent.ts";
import { useNats } from "./nats-servers.ts";

const ECHO = "https://layr8.io/protocols/echo/1.0";
const ALICE = "did:web:node.example:agents:alice";
const BOB = "did:web:node.example:agents:bob";
const CAROL = "did:web:node.example:agents:carol";
const DEAD_LETTER_LIMITS = { maxDeadLetters: 9, maxDeadLetterLength: 9000, maxTotalDeadLetters: 9, maxTotalDeadLetterLength: 9000 };
const OTHER = "did:web:partner.example:bob";
/** Nothing listens there, so that messages for it wait. */
const RESOLUTION = { hosts: { "partner.example": "http://127.0.0.1:9" } };

describeUnless(missingNats(1), "the commands for nodes that share their data", () => {
  const nats = useNats(1);
  const lines: string[] = [];

  beforeAll(() => void vi.spyOn(console, "log").mockImplementation((line: string) => void lines.push(line)));
  afterEach(() => {
    lines.length = 0;
  });
  afterAll(() => void vi.restoreAllMocks());

  const flagsOf = (prefix: string): readonly string[] => ["--nats", nats.urls.join(","), "--nats-prefix", prefix];

  it("copy a data directory to NATS, with inboxes in their order, and copy that into files and back", { timeout: 240_000 }, async () => {
    const directory = await temporaryDirectory();
    onTestFinished(() => directory.remove());
    const dataDir = join(directory.path, "data");
    const single = await startNode({ port: 0, logger: false, dataDir, domain: "node.example", resolution: RESOLUTION, deadLetters: true });
    const { apiKey = "" } = single;
    const alice = await RawAgent.join(single, { did: ALICE, protocols: [ECHO] });
    const bob = await RawAgent.join(single, { did: BOB, protocols: [ECHO] });
    const ids = Array.from({ length: 20 }, (_, index) => `m${index}`);
    const message = (id: string, to: string): object => ({ id, type: `${ECHO}/request`, from: ALICE, to: [to], body: {} });
    for (const id of ids) expect(await alice.send(message(id, BOB))).toMatchObject({ status: "ok" });
    for (const id of ids) expect((await bob.receive()).plaintext).toMatchObject({ id });
    bob.ack("m0", "m2");
    expect(await alice.send(message("out", OTHER))).toMatchObject({ status: "ok" });
    const carol = await RawAgent.join(single, { did: CAROL, protocols: [ECHO], replyProtocol: true });
    for (const id of ["dead-1", "dead-2"]) {
      expect(await alice.send(message(id, CAROL))).toMatchObject({ status: "ok" });
      await carol.receive();
      carol.reply(id, "pass");
      expect((await alice.receive()).plaintext).toMatchObject({ pthid: id, body: { code: "e.p.msg.unsupported" } });
    }
    carol.close();
    const rest = new RestClient(single);
    const credential = await rest.store(BOB, await rest.sign(ALICE));
    const stored = await rest.get(`/api/v1/credentials/${credential}`);
    expect(stored.status).toBe(200);
    const revocable = { credential: credentialOf(ALICE), issuer_did: ALICE, revocable: true };
    const signed = (await rest.post("/api/v1/credentials/sign", revocable)).body?.["signed_credential"];
    const revocation = { issuer_did: ALICE, signed_credential: signed, status: "revoked" };
    expect((await rest.post("/api/v1/credentials/status", revocation)).status).toBe(200);
    for (const agent of [alice, bob]) agent.close();
    await single.close();

    const prefix = nats.newPrefix();
    const flags = flagsOf(prefix);
    const connection = await nats.connect(prefix);
    onTestFinished(() => connection.close());
    const config = join(directory.path, "node.json");
    await writeFile(config, JSON.stringify({ port: 4000, limits: { maxInboxMessages: 0 } }));
    const importing = ["--from", dataDir, "--config", config, ...flags];
    await expect(clusterImport(importing, {})).rejects.toThrow(/--config .*maxInboxMessages/);
    await writeFile(config, JSON.stringify({ port: 4000, limits: { maxInboxMessages: 500, messageTtlMs: 86_400_000 } }));
    await clusterImport(importing, {});
    expect(lines[0]).toBe(
      "imported 1 API keys, 3 DIDs, 18 messages in inboxes, 1 credentials, 1 blocks of status lists, 1 messages for other domains, 2 dead letters",
    );
    const limitsOfInbox = async (): Promise<readonly number[]> => {
      const stream = (await connection.jsm.streams.info(`${prefix}_INBOX_3`.toUpperCase())).config;
      return [stream.max_msgs_per_subject, stream.max_age / 1e6 / 86_400_000];
    };
    expect(await limitsOfInbox()).toEqual([500, 2]);
    await clusterImport(importing, {});
    expect(lines[2]).toContain("was imported before");
    // As if the first one had been interrupted at its end.
    await connection.jsm.streams.purge(`${prefix}_META`.toUpperCase());
    await expect(clusterImport(importing, {})).rejects.toThrow("under this prefix already");
    await connection.js.publish(`${prefix}.meta.import`, "started");
    await clusterImport(importing, {});
    expect(lines[4]).toBe(lines[0]);

    const letters = await JetstreamDeadLetters.open(connection, { limits: DEAD_LETTER_LIMITS, now: () => 0 });
    onTestFinished(() => letters.close());
    expect(letters.list({ limit: 9 })).toMatchObject([{ messageId: "dead-2" }, { messageId: "dead-1", code: "e.p.msg.unsupported" }]);
    expect(JSON.parse((await letters.read(letters.list({ limit: 1 })[0]?.id ?? 0))?.plaintext ?? "")).toEqual(message("dead-2", CAROL));

    const nodeKey = Buffer.from((await readFile(join(dataDir, "node.key"), "utf8")).trim(), "base64url");
    const shared: NodeOptions = {
      port: 0,
      logger: false,
      nats: nats.urls,
      natsPrefix: prefix,
      nodeName: "one",
      nodeKey,
      domain: "node.example",
      resolution: RESOLUTION,
    };
    const check = async (): Promise<void> => {
      const node = await startNode(shared);
      expect(node.apiKey).toBeUndefined();
      const again = await RawAgent.join(node, { did: BOB, protocols: [ECHO], apiKey });
      const received: unknown[] = [];
      while (received.length < 18) received.push((await again.receive()).plaintext["id"]);
      expect(received).toEqual(ids.filter((id) => id !== "m0" && id !== "m2"));
      expect((await new RestClient(node, apiKey).get(`/api/v1/credentials/${credential}`)).body).toEqual(stored.body);
      const resumed = await new RestClient(node, apiKey).post("/api/v1/credentials/status", { ...revocation, status: "valid" });
      expect(resumed).toMatchObject({ status: 409, body: { code: "status_final" } });
      lines.length = 0;
      await CLUSTER.status(flags, {});
      expect(lines.join("\n")).toMatch(/1 server\(s\) share the data: one/);
      await expect(clusterImport(importing, {})).rejects.toThrow("Servers are running there: one");
      again.close();
      await node.close();
    };
    await check();
    // The node has the default limits, which are higher.
    expect(await limitsOfInbox()).toEqual([10_000, 8]);

    const files = join(directory.path, "export");
    lines.length = 0;
    await CLUSTER.export([files, ...flags], {});
    const streams = lines.map((line) => line.split("\t")[0] ?? "");
    expect(streams.length).toBeGreaterThan(30);
    for (const stream of streams) await connection.jsm.streams.delete(stream);
    await CLUSTER.restore([files, ...flags], {});
    await check();
  });

  it("manage API keys while a node runs", async () => {
    const prefix = nats.newPrefix();
    const own = flagsOf(prefix);
    await expect(listKeys(own, {})).rejects.toThrow(`NATS has no streams with the prefix ${prefix}`);
    await expect(listKeys([], {})).rejects.toThrow("--data-dir");
    const node = await startNode({ port: 0, logger: false, nats: nats.urls, natsPrefix: prefix, nodeName: "a", nodeKey: randomBytes(32) });
    onTestFinished(() => node.close());
    await createKey(["--did", ALICE, "--name", "laptop", ...own], {});
    const [, id = "", apiKey = ""] = /^id (.+)\nkey (.+)$/.exec(lines[0] ?? "") ?? [];
    await expect.poll(() => node.listApiKeys().map(({ name }) => name)).toContain("laptop");
    const alice = await RawAgent.join(node, { did: ALICE, apiKey });
    lines.length = 0;
    await listKeys(own, {});
    expect(lines.join("\n")).toContain(`laptop\t${ALICE}`);
    await revokeKey([id, ...own], {});
    await alice.client.closed;
  });
});

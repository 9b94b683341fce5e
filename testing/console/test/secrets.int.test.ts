import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startNode } from "@parley/layr8-node";
import { startSkytale } from "@parley/skytale-server";
import { Client } from "layr8";
import { SkytaleChannelManager } from "skytale";
import { expect, it } from "vitest";
import { TestAdmin } from "./admin-client.ts";

const TASK = "https://example.com/task/1.0";
const WORKER = "did:web:localhost:worker";
const BOSS = "did:web:localhost:boss";
const TEAM = "acme/team/general";

interface Source {
  readonly name: string;
  readonly reads: readonly string[];
  readonly actions: readonly string[];
}

it("sends no API key, token, private key, signed credential or channel plaintext, over reads, stream and actions", async () => {
  const directory = await mkdtemp(join(tmpdir(), "parley-secrets-"));
  const admin = await TestAdmin.create();
  const shared = { logger: false, admin: admin.server } as const;
  const node = await startNode({ port: 0, dataDir: join(directory, "node"), deadLetters: true, ...shared });
  const skytale = await startSkytale({ port: 0, relayPort: 0, dataDir: join(directory, "skytale"), ...shared });
  await admin.listen();
  const secrets: Record<string, string> = {
    "API key of the node": String(node.apiKey),
    "API key of skytale": String(skytale.apiKey),
    "admin token": admin.server.url.split("#token=")[1] ?? "",
    "body of a message": "a private text",
    "text of a channel": "a confidential text",
  };
  const readKeyFiles = async (when: string): Promise<void> => {
    for (const [name, file] of [
      ["node.key", "node/node.key"],
      ["server.key", "skytale/server.key"],
    ] as const)
      secrets[`${name} ${when}`] = (await readFile(join(directory, file), "utf8")).trim();
  };

  const client = (agentDid: string): Client => new Client({ nodeUrl: node.url, apiKey: String(node.apiKey), agentDid }, () => undefined);
  const worker = client(WORKER);
  worker.handle(`${TASK}/do`, () => {
    throw new Error("no");
  });
  await worker.connect();
  const boss = client(BOSS);
  await boss.connect();
  await boss.send({ id: "1", type: `${TASK}/do`, to: WORKER, body: { text: "a private text" } });
  const signed = await boss.signCredential({ type: ["EmployeeCredential"], credentialSubject: { id: BOSS } });
  const { id: credential } = await boss.storeCredential(signed);
  secrets["signed credential"] = signed;
  await worker.close();
  await boss.send({ id: "2", type: `${TASK}/do`, to: WORKER, body: { text: "a private text" } });
  const config = { endpoint: skytale.relayUrl, apiUrl: skytale.apiUrl, apiKey: String(skytale.apiKey), onWarning: () => undefined };
  const alice = new SkytaleChannelManager({ ...config, identity: "alice", dataDir: join(directory, "alice") });
  await alice.create(TEAM);
  await alice.send(TEAM, "a confidential text");
  secrets["invite token"] = await alice.invite(TEAM);
  const response = await fetch(`${skytale.apiUrl}/v1/tokens`, { method: "POST", headers: { authorization: `Bearer ${skytale.apiKey}` } });
  const { token = "" } = (await response.json()) as { token?: string };
  if (token !== "") secrets["relay token"] = token;
  await readKeyFiles("before");
  await expect.poll(async () => ((await admin.read("node", "dead-letters")).body["deadLetters"] as unknown[]).length).toBe(1);

  const { sources } = (await admin.get("/api/info")).body as unknown as { sources: readonly Source[] };
  const parameters = { did: WORKER, name: TEAM, channel: TEAM, id: credential, from: BOSS, to: WORKER, type: `${TASK}/do`, seq: "2" };
  for (const { name, reads } of sources) for (const read of reads) await admin.read(name, read, parameters);
  const [letter] = (await admin.read("node", "dead-letters")).body["deadLetters"] as { id: number }[];
  await admin.read("node", "dead-letter", { id: String(letter?.id) });
  await admin.read("node", "credentials", { did: BOSS });
  for (const path of ["events?limit=1000", "problems", "samples", "codes", "thread?id=1", "body?seq=1"]) await admin.get(`/api/${path}`);

  const key = `l8_${randomBytes(32).toString("base64url")}`;
  secrets["created key"] = key;
  await admin.act("node", "create-key", { hash: createHash("sha256").update(key).digest("base64url"), dids: "any", name: "new" });
  await admin.act("node", "replay-dead-letter", { id: String(letter?.id) });
  await admin.act("node", "backup", { directory: join(directory, "node-backup") });
  await admin.act("skytale", "backup", { directory: join(directory, "skytale-backup") });
  await admin.act("node", "rotate-node-key");
  await admin.act("skytale", "rotate-server-key");
  await readKeyFiles("after");
  await admin.act("node", "delete-agent", { did: WORKER });
  await admin.act("skytale", "delete-channel", { channel: TEAM });
  await admin.get("/api/events?limit=1000");

  await Promise.all([boss.close(), alice.close()]);
  await admin.close();
  await Promise.all([node.close(), skytale.close()]);
  await rm(directory, { recursive: true });
  // The scan sees the stream and the answers.
  for (const seen of ["delete-channel", "rotate-node-key", WORKER, TEAM, "dead-letters"]) expect(admin.sent).toContain(seen);
  for (const [what, secret] of Object.entries(secrets)) {
    expect(secret.length, what).toBeGreaterThan(10);
    expect(admin.sent.includes(secret), `${what} was sent`).toBe(false);
  }
});

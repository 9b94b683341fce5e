import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type AuditEntry, messageDigest, verifyAudit } from "@parley/audit";
import { randomFrom, SEED } from "@parley/test-assertions";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AgentProcess } from "./support/agent-process.ts";
import { Harness } from "./support/harness.ts";

let harness: Harness;
let agents: AgentProcess[];

beforeEach(async () => {
  harness = await Harness.start();
  agents = [];
});

afterEach(async () => {
  await Promise.all(agents.map((agent) => agent.kill()));
  await harness[Symbol.asyncDispose]();
});

function agent(name: string, env: Readonly<Record<string, string>>): AgentProcess {
  const { server, apiKey, directory } = harness;
  const created = new AgentProcess([server.relayUrl, server.apiUrl, apiKey, join(directory, name), name], env);
  agents.push(created);
  created.start();
  return created;
}

/** Alice and Bob in processes of their own, on one channel. */
async function talkers(env: Readonly<Record<string, string>>): Promise<readonly [AgentProcess, AgentProcess]> {
  const [alice, bob] = [agent("alice", env), agent("bob", env)];
  const { keyPackage } = await bob.tell("keyPackage");
  const { welcome } = await alice.tell("create", { keyPackages: [keyPackage] });
  await bob.tell("join", { welcome });
  await Promise.all([alice.tell("talk"), bob.tell("talk")]);
  return [alice, bob];
}

async function exportOf(process: AgentProcess): Promise<readonly string[]> {
  return (await process.tell("audit"))["lines"] as readonly string[];
}

function entriesOf(lines: readonly string[]): readonly AuditEntry[] {
  return lines.slice(1, -1).map((line) => JSON.parse(line) as AuditEntry);
}

describe(`the audit chain of a member that is killed (seed ${SEED})`, { timeout: 240_000 }, () => {
  it("continues from what is on disk: it verifies, and has what the other member has", async () => {
    const random = randomFrom(SEED);
    const [alice, bob] = await talkers({ AUDIT: "1" });
    for (let life = 1; life <= 4; life++) {
      // Each kill hits another state.
      const goal = alice.sent.length + 5 + random(20);
      await expect.poll(() => alice.sent.length, { timeout: 60_000, interval: 5 }).toBeGreaterThan(goal);
      await alice.kill();
      alice.start();
      await alice.tell("open");
      await alice.tell("talk");
    }
    await Promise.all([alice.tell("finish"), bob.tell("finish")]);
    // Each has read what the other one sent last.
    await expect.poll(() => [alice, bob].map(({ got }) => got.at(-1)?.text), { timeout: 60_000 }).toEqual(["done/bob", "done/alice"]);
    const exported = [await exportOf(alice), await exportOf(bob)] as const;
    const report = await verifyAudit([
      { name: "alice", lines: exported[0] },
      { name: "bob", lines: exported[1] },
    ]);
    expect(report).toMatchObject({ ok: true, findings: [] });
    // Every message that a send has resolved for is in both chains.
    for (const lines of exported) {
      const digests = new Set(entriesOf(lines).map(({ digest }) => digest));
      for (const { text } of [...alice.sent, ...bob.sent]) expect(digests.has(messageDigest(text))).toBe(true);
      const keys = entriesOf(lines).map(({ kind, id }) => `${kind} ${id ?? ""}`);
      expect(new Set(keys).size).toBe(keys.length);
    }
    expect(report.matched).toBeGreaterThanOrEqual(alice.sent.length + bob.sent.length);
    expect(alice.errors).toEqual([]);
  });
});

describe("the digest of a message", { timeout: 60_000 }, () => {
  it("is on disk before the message is published: the chain of a killed member has it, although nothing else was written", async () => {
    const [alice, bob] = [agent("alice", { AUDIT: "1", FLUSH_DELAY_MS: "60000" }), agent("bob", {})];
    const { keyPackage } = await bob.tell("keyPackage");
    await alice.tell("create", { keyPackages: [keyPackage] });
    const { recorded } = await alice.tell("send", { text: "last words" });
    await alice.kill();
    alice.start();
    await alice.tell("open");
    const own = async (): Promise<AuditEntry | undefined> => entriesOf(await exportOf(alice)).find(({ position }) => position === recorded);
    await expect.poll(own, { timeout: 30_000 }).toMatchObject({ kind: "accepted", digest: messageDigest("last words") });
  });
});

describe("an agent without audit", { timeout: 60_000 }, () => {
  /** The sources that a process has run, from its coverage. */
  async function loadedIn(directory: string): Promise<readonly string[]> {
    const files = await readdir(directory);
    const texts = await Promise.all(files.map((file) => readFile(join(directory, file), "utf8")));
    return texts.flatMap((text) => (JSON.parse(text) as { result: readonly { url: string }[] }).result.map(({ url }) => url));
  }

  async function run(env: Readonly<Record<string, string>>): Promise<readonly string[]> {
    const directory = join(harness.directory, "coverage");
    const [alice, bob] = await talkers({ ...env, NODE_V8_COVERAGE: directory });
    await expect.poll(() => alice.got.length, { timeout: 60_000 }).toBeGreaterThan(0);
    await Promise.all([alice.tell("finish"), bob.tell("finish")]);
    await Promise.all([alice.tell("close"), bob.tell("close")]);
    await Promise.all([alice.end(), bob.end()]);
    return (await loadedIn(directory)).filter((url) => url.includes("channel-audit"));
  }

  it("loads nothing of it, and stores nothing", async () => {
    expect(await run({})).toEqual([]);
    const files = await readdir(join(harness.directory, "alice"));
    const contents = await Promise.all(files.map((file) => readFile(join(harness.directory, "alice", file), "latin1").catch(() => "")));
    expect(contents.join("")).not.toContain("audit/");
  });

  it("loads it with audit only", async () => {
    expect((await run({ AUDIT: "1" })).length).toBeGreaterThan(0);
    const files = await readdir(join(harness.directory, "alice"));
    const contents = await Promise.all(files.map((file) => readFile(join(harness.directory, "alice", file), "latin1").catch(() => "")));
    expect(contents.join("")).toContain("audit/entry/");
  });
});

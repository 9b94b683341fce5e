import { type AuditEvent, chainStart, verifyAudit } from "@parley/audit";
import { type Deferred, deferred } from "@parley/core/internal";
import { type Environment, MemoryEnvironment, type Write, WriteQueue } from "@parley/storage";
import { describe, expect, it } from "vitest";
import { AuditChains } from "../../src/audit/audit-chains.ts";
import { exportChain } from "../../src/audit/export-chain.ts";
import { HeadSigner } from "../../src/audit/head-signer.ts";
import { Retention } from "../../src/audit/retention.ts";
import { LmdbOutboundStore } from "../../src/federation/outbound/lmdb-outbound-store.ts";
import { LmdbInbox } from "../../src/inbox/lmdb-inbox.ts";
import { SigningDids } from "./signing-dids.ts";

const ALICE = "did:web:localhost:alice";
const BOB = "did:web:localhost:bob";
const START = Date.parse("2026-01-01T00:00:00.000Z");

/** A storage whose commits fail on request. */
class FailingEnvironment implements Environment {
  readonly #tables = new MemoryEnvironment();
  fails = false;
  /** Whether each of the next commits fails. */
  failing: boolean[] = [];
  readonly commits: number[] = [];
  #held: { readonly reached: Deferred<void>; readonly released: Deferred<void> } | undefined;
  readonly writes = new WriteQueue(async (writes) => {
    const held = this.#held;
    this.#held = undefined;
    held?.reached.resolve();
    await held?.released.promise;
    if (this.fails || this.failing.shift() === true) throw new Error("disk full");
    this.commits.push(writes.length);
    for (const write of writes) (write.table as unknown as { apply(applied: Write): void }).apply(write);
  });

  table(name: string): ReturnType<MemoryEnvironment["table"]> {
    return this.#tables.table(name);
  }

  /** The next commit runs until it is released. */
  hold(): { readonly reached: Promise<void>; release(): void } {
    const [reached, released] = [deferred<void>(), deferred<void>()];
    this.#held = { reached, released };
    return { reached: reached.promise, release: () => released.resolve() };
  }
}

function event(id: string, seconds = 0): AuditEvent {
  return { time: new Date(START + seconds * 1000).toISOString(), kind: "handled", from: ALICE, to: BOB, id };
}

const idsOf = (chains: AuditChains, agent: string): unknown[] => chains.read(agent, 0, 1_000_000).map(({ id }) => id);

/** The findings of the export of a chain. */
async function verify(chains: AuditChains, agent: string, dids = new SigningDids()): Promise<unknown> {
  const signer = new HeadSigner(dids);
  const chain = chains.find(agent);
  const [key, head] = [await signer.publicKey(agent), await signer.head({ agent, seq: chain.seq, hash: chain.hash, time: event("").time })];
  if (key === undefined || head === undefined) throw new Error("no key");
  let text = "";
  for await (const lines of exportChain(chains, { chain, key, head })) text += lines;
  const { findings, sides } = await verifyAudit([{ name: agent, lines: text.split("\n") }], { keyOf: () => key });
  return { findings, entries: sides[0]?.entries, removed: sides[0]?.removed };
}

describe("the chains of a node", () => {
  it("are written with the next commit, in order, and continued after a restart", async () => {
    const environment = new MemoryEnvironment();
    const chains = new AuditChains(environment);
    for (const id of ["1", "2", "3"]) for (const agent of [ALICE, BOB]) chains.add(agent, event(id));
    expect(chains.find(ALICE)).toEqual({ agent: ALICE, first: 1, cut: undefined, ...chainStart(ALICE) });
    await environment.writes.flush();
    expect([chains.find(ALICE).seq, idsOf(chains, ALICE), idsOf(chains, BOB)]).toEqual([3, ["1", "2", "3"], ["1", "2", "3"]]);
    const again = new AuditChains(environment);
    again.add(ALICE, event("4"));
    await environment.writes.flush();
    expect([idsOf(again, ALICE), again.size]).toEqual([["1", "2", "3", "4"], 7]);
    expect(again.read(ALICE, 1, 2).map(({ seq }) => seq)).toEqual([2, 3]);
    expect(await verify(again, ALICE)).toEqual({ findings: [], entries: 4, removed: 0 });
    expect(await verify(again, BOB)).toEqual({ findings: [], entries: 3, removed: 0 });
  });

  it("have the entry of a message in the commit of the message", async () => {
    const environment = new FailingEnvironment();
    const chains = new AuditChains(environment);
    const messages = environment.table("messages");
    environment.writes.put(messages, Buffer.of(1), Buffer.of(1));
    chains.add(ALICE, event("1"), { withMessage: true });
    await environment.writes.flush();
    // The message, its entry, and the record of the chain.
    expect(environment.commits).toEqual([3]);
    await chains.written(ALICE);
    expect(idsOf(chains, ALICE)).toEqual(["1"]);
  });

  it.each([
    [
      "an inbox",
      async (environment: FailingEnvironment) => {
        const inbox = await LmdbInbox.open(environment);
        return async (id: string, onAppend: () => void) => {
          const message = { recipient: BOB, id, from: ALICE, type: "t", plaintext: "{}", authorized: true, expiresAt: 9e12, onAppend };
          return inbox.append(message);
        };
      },
    ],
    [
      "the outbound store",
      async (environment: FailingEnvironment) => {
        const store = await LmdbOutboundStore.open(environment, { deduplicationMs: 1000, maxRemembered: 10 });
        return async (id: string, onAppend: () => void) => {
          return store.append({ sender: ALICE, recipient: BOB, id, type: "t", plaintext: "{}", expiresAt: 9e12, onAppend });
        };
      },
    ],
  ])("have the entry of a message of %s if, and only if, it is stored", async (_, open) => {
    const environment = new FailingEnvironment();
    const chains = new AuditChains(environment);
    const append = await open(environment);
    const accept = async (id: string): Promise<void> => {
      const appended = await append(id, () => chains.add(ALICE, event(id), { withMessage: true }));
      if (appended.status !== "stored") throw new Error(appended.status);
      await appended.durable;
    };
    const before = environment.commits.length;
    await accept("1");
    expect(environment.commits.length).toBe(before + 1);
    expect(idsOf(chains, ALICE)).toEqual(["1"]);
    environment.fails = true;
    await expect(accept("2")).rejects.toMatchObject({ code: "storage_failed" });
    environment.fails = false;
    await expect(accept("1")).rejects.toThrow("duplicate");
    await accept("3");
    expect(idsOf(chains, ALICE)).toEqual(["1", "3"]);
  });

  it("lose the entries of messages that a failed commit has lost, keep the others, and have no gap", async () => {
    const environment = new FailingEnvironment();
    const chains = new AuditChains(environment);
    chains.add(ALICE, event("before"), { withMessage: true });
    await environment.writes.flush();
    environment.fails = true;
    chains.add(ALICE, event("lost"), { withMessage: true });
    chains.add(ALICE, event("kept"));
    await expect(environment.writes.flush()).rejects.toMatchObject({ code: "storage_failed" });
    expect(chains.find(ALICE).seq).toBe(1);
    environment.fails = false;
    chains.add(ALICE, event("after"), { withMessage: true });
    await environment.writes.flush();
    expect(idsOf(chains, ALICE)).toEqual(["before", "kept", "after"]);
    expect(await verify(chains, ALICE)).toEqual({ findings: [], entries: 3, removed: 0 });
  });

  it("report how many entries were lost while all commits failed", async () => {
    const environment = new FailingEnvironment();
    const chains = new AuditChains(environment);
    const lost: string[] = [];
    chains.onLost(({ message }) => lost.push(message));
    environment.fails = true;
    for (let id = 0; id < 10_002; id++) chains.add(ALICE, event(String(id)));
    await expect(environment.writes.flush()).rejects.toMatchObject({ code: "storage_failed" });
    environment.fails = false;
    chains.add(ALICE, event("after"));
    await environment.writes.flush();
    expect(lost).toEqual(["3 entries of audit chains were lost, because the disk has failed for too long"]);
    expect(await verify(chains, ALICE)).toEqual({ findings: [], entries: 10_000, removed: 0 });
  });

  it("are removed with their agent, and a later chain of the same DID starts with its first entry", async () => {
    const environment = new MemoryEnvironment();
    const chains = new AuditChains(environment);
    for (let id = 0; id < 2500; id++) chains.add(ALICE, event(String(id)));
    chains.add(BOB, event("1"));
    await environment.writes.flush();
    const removing = chains.remove(ALICE);
    chains.add(ALICE, event("new"));
    await removing;
    await environment.writes.flush();
    expect([idsOf(chains, ALICE), idsOf(chains, BOB), environment.table("audit-entries").size]).toEqual([["new"], ["1"], 2]);
    const again = new AuditChains(environment);
    await again.retain((agent) => agent === BOB);
    expect([again.agents(), environment.table("audit-entries").size, environment.table("audit-chains").size]).toEqual([[BOB], 1, 1]);
  });
});

describe("retention", () => {
  const limits = { maxAuditEntries: 1000, maxTotalAuditEntries: 5000, auditTtlMs: 100_000 };

  async function filled(counts: Readonly<Record<string, number>>, over: Partial<typeof limits> = {}, now = START) {
    const environment = new MemoryEnvironment();
    const chains = new AuditChains(environment);
    for (const [agent, count] of Object.entries(counts)) for (let id = 0; id < count; id++) chains.add(agent, event(String(id), id));
    await environment.writes.flush();
    const dids = new SigningDids();
    const retention = new Retention(chains, { signer: new HeadSigner(dids), limits: { ...limits, ...over }, now: () => now });
    await retention.sweep();
    return { chains, dids, environment };
  }

  it("removes the oldest entries beyond the number, and signs that", async () => {
    const { chains, dids, environment } = await filled({ [ALICE]: 2345, [BOB]: 10 });
    expect(chains.find(ALICE)).toMatchObject({ first: 1346, seq: 2345 });
    expect(await verify(chains, ALICE, dids)).toEqual({ findings: [], entries: 1000, removed: 1345 });
    expect(await verify(chains, BOB, dids)).toEqual({ findings: [], entries: 10, removed: 0 });
    const again = new AuditChains(environment);
    again.add(ALICE, event("later"));
    await environment.writes.flush();
    expect(await verify(again, ALICE, dids)).toEqual({ findings: [], entries: 1001, removed: 1345 });
  });

  it("removes entries that are too old, up to the last one", async () => {
    const { chains, dids } = await filled({ [ALICE]: 500 }, {}, START + 400_000);
    expect(chains.find(ALICE)).toMatchObject({ first: 301, seq: 500 });
    expect(await verify(chains, ALICE, dids)).toEqual({ findings: [], entries: 200, removed: 300 });
    const all = await filled({ [ALICE]: 5 }, {}, START + 1_000_000);
    expect(await verify(all.chains, ALICE, all.dids)).toEqual({ findings: [], entries: 0, removed: 5 });
  });

  it("does not move the end of a chain back when it removes entries while another commit runs", async () => {
    const environment = new FailingEnvironment();
    const chains = new AuditChains(environment);
    chains.add(ALICE, event("1"));
    chains.add(ALICE, event("2"));
    await environment.writes.flush();
    const held = environment.hold();
    chains.add(ALICE, event("3"));
    const added = environment.writes.flush();
    await held.reached;
    const cut = chains.cut(ALICE, 1, "statement");
    held.release();
    await Promise.all([added, cut]);
    const again = new AuditChains(environment);
    expect(again.find(ALICE)).toEqual({ ...chains.find(ALICE), first: 2, seq: 3, cut: "statement" });
    again.add(ALICE, event("4"));
    await environment.writes.flush();
    expect(idsOf(again, ALICE)).toEqual(["2", "3", "4"]);
  });

  it.each([
    ["it fails", [false, true], { first: 1, seq: 3, cut: undefined }],
    ["the commit before it fails", [true, false], { first: 2, seq: 3, cut: "statement" }],
    ["both fail", [true, true], { first: 1, seq: 3, cut: undefined }],
  ] as const)("leaves a chain that can be continued if %s", async (_, fails, expected) => {
    const environment = new FailingEnvironment();
    const chains = new AuditChains(environment);
    chains.add(ALICE, event("1"));
    chains.add(ALICE, event("2"));
    await environment.writes.flush();
    const held = environment.hold();
    chains.add(ALICE, event("3"));
    const added = environment.writes.flush().catch(() => undefined);
    await held.reached;
    const cut = chains.cut(ALICE, 1, "statement").catch(() => undefined);
    environment.failing = [...fails];
    held.release();
    await Promise.all([added, cut]);
    environment.failing = [];
    chains.add(ALICE, event("4"));
    await environment.writes.flush();
    const again = new AuditChains(environment);
    expect(again.find(ALICE)).toMatchObject({ ...expected, seq: expected.seq + 1 });
    expect(idsOf(again, ALICE)).toEqual(["1", "2", "3", "4"].slice(expected.first - 1));
  });

  it("takes from the longest chain what is too much for all", async () => {
    const { chains } = await filled({ [ALICE]: 900, [BOB]: 300 }, { maxTotalAuditEntries: 700 });
    expect([chains.find(ALICE).first, chains.find(BOB).first, chains.size]).toEqual([501, 1, 700]);
  });
});

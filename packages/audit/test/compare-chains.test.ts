import { gateOrSoak } from "@parley/test-assertions";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type AuditEntry, type AuditFinding, type AuditReport, verifyAudit } from "../src/index.ts";
import { about, ALICE, BOB, exchange, Party, placeOf } from "./chains.ts";

const CAROL = "did:web:c.example:carol";
const IDS = ["1", "2", "3"];

/** The report of two exports, its findings without texts and lines. */
async function compare(
  alice: readonly string[],
  bob: readonly string[],
  clockSkewMs = 60_000,
): Promise<AuditReport & { readonly findings: readonly Partial<AuditFinding>[] }> {
  const sides = [
    { name: "alice", lines: alice },
    { name: "bob", lines: bob },
  ];
  const report = await verifyAudit(sides, { clockSkewMs });
  return { ...report, findings: report.findings.map(placeOf) };
}

/** A new chain of the party with these entries: what a party can write that has its key. */
function rewritten(party: Party, keeps: (seq: number) => boolean, seconds = 1000): string[] {
  const other = new Party(party.agent);
  for (const { hash: _, prev: __, seq, salt, ...event } of party.entries) if (keeps(seq)) other.add(event, { salt });
  const { privateKey, key } = party;
  return Object.assign(other, { privateKey, key }).export({ head: other.head(undefined, { seconds, key: privateKey }) });
}

describe("the exports of both parties", () => {
  it("have the same messages", async () => {
    const { alice, bob } = exchange(IDS);
    bob.add({ kind: "accepted", ...about("back", BOB, ALICE) });
    alice.add({ kind: "accepted", ...about("back", BOB, ALICE) });
    bob.add({ kind: "delivered", ...about("back", BOB, ALICE) });
    expect(await compare(alice.export(), bob.export())).toMatchObject({ ok: true, findings: [], matched: 4, undecided: 0 });
  });

  it("name a dropped message on its side, although that side has rebuilt and signed its chain", async () => {
    const { alice, bob } = exchange(IDS);
    // The entries of message 2: 5 to 8.
    const report = await compare(
      alice.export(),
      rewritten(bob, (seq) => seq < 5 || seq > 8),
    );
    expect(report.findings).toEqual([
      { kind: "missing", side: "bob", id: "2" },
      { kind: "rewritten", side: "bob", count: 2 },
    ]);
    const other = await compare(
      rewritten(alice, (seq) => seq < 4 || seq > 6),
      bob.export(),
    );
    expect(other.findings.filter(({ kind }) => kind === "missing")).toEqual([{ kind: "missing", side: "alice", id: "2" }]);
    expect(other.findings.every(({ side }) => side === "alice")).toBe(true);
  });

  it("name the message of a dropped entry", async () => {
    const { alice, bob } = exchange(IDS);
    const report = await compare(alice.export(), bob.export().toSpliced(5, 2));
    expect(report.findings).toEqual([
      { kind: "dropped", side: "bob", seq: 5, last: 6 },
      // Handled is left of it, and shows that the message was there.
    ]);
    expect((await compare(alice.export(), bob.export().toSpliced(5, 4))).findings).toEqual([
      { kind: "dropped", side: "bob", seq: 5, last: 8 },
      { kind: "missing", side: "bob", id: "2" },
    ]);
  });

  it("show that a side has removed its end, and signed the rest", async () => {
    const { alice, bob } = exchange(IDS);
    const report = await compare(
      alice.export(),
      rewritten(bob, (seq) => seq < 9),
    );
    expect(report.findings).toEqual([
      { kind: "missing", side: "bob", id: "3" },
      { kind: "rewritten", side: "bob" },
    ]);
    // With a head that claims to be older than the removed entries, the end is only not covered.
    const backdated = [...bob.export().slice(0, 9), JSON.stringify({ head: bob.head(8, { seconds: 8 }) })];
    expect(await compare(alice.export(), backdated)).toMatchObject({ ok: true, matched: 2, undecided: 1 });
  });

  it("differ about the content of a message on both sides", async () => {
    const [alice, bob] = [new Party(ALICE), new Party(BOB)];
    const message = about("1", ALICE, BOB);
    alice.add({ kind: "accepted", ...message });
    bob.add({ kind: "accepted", ...message, digest: about("2", ALICE, BOB).digest ?? "" });
    alice.add({ kind: "delivered", ...message });
    const both = [
      { kind: "mismatch", side: "alice", seq: 1, id: "1" },
      { kind: "mismatch", side: "bob", seq: 1, id: "1" },
    ];
    expect((await compare(alice.export(), bob.export())).findings).toEqual(both);
    const other = new Party(BOB);
    other.add({ kind: "accepted", ...message, type: "https://example.org/other/1.0/x" });
    expect((await compare(alice.export(), other.export())).findings).toEqual(both);
  });

  it("leave open what was not delivered, and what the other export does not cover", async () => {
    const { alice, bob } = exchange(IDS);
    const bobs = bob.export();
    alice.add({ kind: "accepted", ...about("on its way", ALICE, BOB) });
    expect(await compare(alice.export(), bobs)).toMatchObject({ ok: true, undecided: 0 });
    alice.add({ kind: "delivered", ...about("on its way", ALICE, BOB) });
    expect(await compare(alice.export(), bobs)).toMatchObject({ ok: true, undecided: 1 });
  });

  it("decide by their clocks where no head was witnessed", async () => {
    const { alice, bob } = exchange(IDS, { exchangesHeads: false });
    // Bob's clock shows 9 s when his export ends; message 2 was delivered at 4 s.
    const bobs = rewritten(bob, (seq) => seq < 4 || seq > 6);
    expect((await compare(alice.export(), bobs, 1000)).findings).toEqual([{ kind: "missing", side: "bob", id: "2" }]);
    expect(await compare(alice.export(), bobs, 10_000_000)).toMatchObject({ ok: true, undecided: 1 });
  });

  it("leave open what was before a side began its chain", async () => {
    const { alice, bob } = exchange(IDS);
    expect(
      (
        await compare(
          alice.export(),
          rewritten(bob, () => false),
        )
      ).findings,
    ).toMatchObject([{ kind: "rewritten", count: 3 }]);
    const late = new Party(BOB);
    late.add({ kind: "accepted", ...about("4", ALICE, BOB), time: late.time(100) });
    const { alice: unwitnessed } = exchange(IDS, { exchangesHeads: false });
    unwitnessed.add({ kind: "accepted", ...about("4", ALICE, BOB), time: late.time(100) });
    expect(await compare(unwitnessed.export(), late.export({ head: late.head(1, { seconds: 1000 }) }))).toMatchObject({
      ok: true,
      matched: 1,
      undecided: 3,
    });
  });

  it("do not blame a side for what its retention has removed", async () => {
    const { alice, bob } = exchange(IDS);
    expect(await compare(alice.export(), bob.export({ cut: 8 }))).toMatchObject({ ok: true, matched: 1, undecided: 2 });
    expect(await compare(alice.export({ cut: 6 }), bob.export())).toMatchObject({ ok: true, matched: 1, undecided: 2 });
    expect((await compare(alice.export(), bob.export({ cut: 4 }).toSpliced(1, 4), 0)).findings).toEqual([
      { kind: "dropped", side: "bob", seq: 5, last: 8 },
      { kind: "missing", side: "bob", id: "2" },
    ]);
  });

  it("can each be for the other party, and show a message that was hidden", async () => {
    const { alice, bob } = exchange(IDS);
    expect(await compare(alice.export({ peer: BOB }), bob.export({ peer: ALICE }))).toMatchObject({ ok: true, matched: 3 });
    const hidden = bob.export({ peer: "did:web:c.example:carol" });
    const lines = [...bob.export({ peer: ALICE }).slice(0, 5), ...hidden.slice(5, 9), ...bob.export().slice(9)];
    expect((await compare(alice.export(), lines)).findings).toEqual([{ kind: "missing", side: "bob", id: "2" }]);
    const { findings } = await verifyAudit([
      { name: "alice", lines: alice.export() },
      { name: "bob", lines },
    ]);
    expect(findings).toMatchObject([{ detail: "the message of entry 5 of alice is missing, or hidden" }]);
  });

  it("for another party can't be compared", async () => {
    const { alice, bob } = exchange(IDS);
    const forCarol = await compare(alice.export(), bob.export({ peer: CAROL }));
    expect(forCarol).toMatchObject({ matched: 0, undecided: 3, undecidedHidden: 3 });
    expect(forCarol.findings).toEqual([{ kind: "hidden", side: "bob" }]);
    expect((await compare(alice.export({ peer: CAROL }), bob.export({ peer: CAROL }))).findings).toEqual([
      { kind: "hidden", side: "alice" },
      { kind: "hidden", side: "bob" },
    ]);
  });

  it("without a visible entry can't be compared", async () => {
    const { alice, bob } = exchange(IDS);
    const hidden = (party: Party, peer?: string): string[] => [
      ...party.export(peer === undefined ? {} : { peer }).slice(0, 1),
      ...party.export({ peer: CAROL }).slice(1),
    ];
    const both = [
      { kind: "hidden", side: "alice" },
      { kind: "hidden", side: "bob" },
    ];
    expect(await compare(hidden(alice, BOB), hidden(bob, ALICE))).toMatchObject({ findings: both, matched: 0, undecided: 0 });
    expect((await compare(hidden(alice), hidden(bob))).findings).toEqual(both);
  });

  it("leave open a message that may be among the hidden ones at the start, and no later one", async () => {
    const { alice, bob } = exchange(IDS, { exchangesHeads: false });
    const [whole, forAlice, hidden] = [bob.export(), bob.export({ peer: ALICE }), bob.export({ peer: CAROL })];
    const first = [...forAlice.slice(0, 1), ...hidden.slice(1, 4), ...forAlice.slice(4)];
    expect(await compare(alice.export(), first, 0)).toMatchObject({ ok: true, matched: 2, undecided: 1, undecidedHidden: 1 });
    // Without the word that entries are hidden, it is not an export that a node has written.
    expect((await compare(alice.export(), [...whole.slice(0, 1), ...first.slice(1)], 0)).findings).toEqual([
      { kind: "hidden", side: "bob" },
    ]);
    // On one node, the sender's chain does not show that the message was delivered.
    const onOneNode = new Party(ALICE);
    for (const { hash: _, prev: __, seq: ___, ...event } of alice.entries) if (event.kind === "accepted") onOneNode.add(event);
    expect(await compare(onOneNode.export(), first)).toMatchObject({ ok: true, matched: 2, undecided: 1, undecidedHidden: 1 });
    onOneNode.add({ ...about("1", ALICE, BOB), kind: "refused", code: "e.p" });
    expect(await compare(onOneNode.export(), first)).toMatchObject({ ok: true, matched: 2, undecided: 0 });
    // Bob's first visible entry is of 4 s. A message of 7 s must be visible, too.
    const later = new Party(ALICE);
    for (const { hash: _, prev: __, seq: ___, ...event } of alice.entries) later.add({ ...event, time: later.time(7) });
    expect((await compare(later.export(), first, 0)).findings).toEqual([{ kind: "missing", side: "bob", id: "1" }]);
  });

  it("accept a head that the other side has witnessed after the export", async () => {
    const { alice, bob } = exchange(IDS);
    const bobs = bob.export();
    bob.add({ kind: "accepted", ...about("4", ALICE, BOB) });
    alice.add({ kind: "witnessed", from: BOB, to: ALICE, head: bob.head(undefined, { isNumbered: false }) });
    expect(await compare(alice.export(), bobs)).toMatchObject({ ok: true });
  });

  it("name the first witnessed head that contradicts a chain, and count the others, signed or not", async () => {
    const count = gateOrSoak(300, 20_000);
    const [alice, bob] = [new Party(ALICE), new Party(BOB)];
    const stranger = new Party(BOB);
    stranger.add({ kind: "accepted", ...about("x", ALICE, BOB) });
    const witness = (head: string): AuditEntry => alice.add({ kind: "witnessed", from: BOB, to: ALICE, head });
    // The stranger's are not Bob's word.
    const forged = witness(stranger.head());
    for (let id = 1; id <= count; id++) {
      bob.add({ kind: "accepted", ...about(`m${id}`, ALICE, BOB) });
      witness(bob.head(undefined, { isNumbered: false }));
      if (id === 1) witness(stranger.head(1, { seconds: 2 }));
    }
    expect((await compare(alice.export(), bob.export())).findings.filter(({ kind }) => kind === "rewritten")).toEqual([]);
    const tampered = rewritten(bob, (seq) => seq > 1, count + 10);
    const { findings } = await verifyAudit([
      { name: "alice", lines: alice.export() },
      { name: "bob", lines: tampered },
    ]);
    const found = findings.filter(({ kind }) => kind === "rewritten");
    expect(found).toEqual([{ kind: "rewritten", side: "bob", count: count + 1, detail: expect.any(String) as string }]);
    expect(found[0]?.detail).toMatch(
      new RegExp(`^the head that entry ${forged.seq + 1} of alice has witnessed, .* is not in the chain, nor are ${count} later ones$`),
    );
  });

  it("take a head that was witnessed again for what it was at first", async () => {
    const { alice, bob } = exchange(["1"]);
    const bobs = bob.export();
    const head = bob.head(1, { isNumbered: false, seconds: 1 });
    alice.add({ kind: "witnessed", from: BOB, to: ALICE, head });
    alice.add({ kind: "delivered", ...about("2", ALICE, BOB) });
    alice.add({ kind: "witnessed", from: BOB, to: ALICE, head });
    expect(await compare(alice.export(), bobs)).toMatchObject({ ok: true, matched: 1, undecided: 1 });
  });

  it("ignore witnessed heads that the party has not signed", async () => {
    const { alice, bob } = exchange(IDS);
    const stranger = new Party(BOB);
    stranger.add({ kind: "accepted", ...about("x", ALICE, BOB) });
    alice.add({ kind: "witnessed", from: BOB, to: ALICE, head: stranger.head() });
    expect(await compare(alice.export(), bob.export())).toMatchObject({ ok: true, matched: 3 });
  });
});

it(
  "a side that leaves out any messages, and signs the rest again, is the only one that is named",
  { timeout: gateOrSoak(60_000, 3_600_000) },
  async () => {
    const ids = ["1", "2", "3", "4", "5"];
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(fc.constantFrom(...ids)), fc.boolean(), fc.boolean(), async (left, isBob, signsAgain) => {
        const { alice, bob } = exchange(ids);
        const party = isBob ? bob : alice;
        const entriesOfMessage = isBob ? 4 : 3;
        const keeps = (seq: number): boolean => left.includes(ids[Math.floor((seq - 1) / entriesOfMessage)] ?? "");
        const whole = party.export();
        const tampered = signsAgain
          ? rewritten(party, keeps)
          : whole.filter((_, line) => line === 0 || line === whole.length - 1 || keeps(line));
        const { ok, findings } = await compare(isBob ? alice.export() : tampered, isBob ? tampered : bob.export());
        expect(ok).toBe(left.length === ids.length);
        expect(findings.every(({ side }) => side === (isBob ? "bob" : "alice"))).toBe(true);
        expect(findings.filter(({ id }) => left.includes(id ?? ""))).toEqual([]);
      }),
      { numRuns: gateOrSoak(100, 10_000) },
    );
  },
);

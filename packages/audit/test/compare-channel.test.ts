import { describe, expect, it } from "vitest";
import { type AuditEvent, type AuditFinding, type AuditReport, messageDigest, verifyAudit } from "../src/index.ts";
import { Party, placeOf } from "./chains.ts";

const CHANNEL = "acme/team/general";
const [ALICE, BOB, CAROL] = ["did:key:alice", "did:key:bob", "did:key:carol"] as const;

function message(position: number, from: string): Pick<AuditEvent, "from" | "to" | "id" | "digest" | "position"> {
  return { from, to: CHANNEL, id: `id-${position}`, digest: messageDigest(`text ${position}`), position };
}

/** Members that have read a log in which alice, bob and carol have sent in turn. */
function members(count: number): { readonly alice: Party; readonly bob: Party } {
  const [alice, bob] = [new Party(ALICE, CHANNEL), new Party(BOB, CHANNEL)];
  for (let position = 1; position <= count; position++) {
    const from = [ALICE, BOB, CAROL][position % 3] as string;
    for (const party of [alice, bob]) party.add({ ...message(position, from), kind: party.agent === from ? "accepted" : "delivered" });
  }
  return { alice, bob };
}

/** The chain of a party with other entries, signed by its key. */
function rewritten(party: Party, change: (event: AuditEvent) => AuditEvent | undefined): string[] {
  const other = new Party(party.agent, CHANNEL);
  for (const { hash: _, prev: __, seq: ___, ...event } of party.entries) {
    const changed = change(event);
    if (changed !== undefined) other.add(changed);
  }
  const { privateKey, key } = party;
  return Object.assign(other, { privateKey, key }).export({ head: other.head(undefined, { key: privateKey }) });
}

async function compare(
  alice: readonly string[],
  bob: readonly string[],
  heads: readonly string[] = [],
): Promise<AuditReport & { readonly findings: readonly Partial<AuditFinding>[] }> {
  const sides = [
    { name: "alice", lines: alice },
    { name: "bob", lines: bob },
  ];
  const report = await verifyAudit(sides, { heads });
  return { ...report, findings: report.findings.map(placeOf) };
}

describe("the exports of two members of a channel", () => {
  it("have the same messages, those of a third member included", async () => {
    const { alice, bob } = members(6);
    bob.add({ ...message(1, BOB), kind: "handled" });
    const report = await compare(alice.export(), bob.export());
    expect(report).toMatchObject({ ok: true, matched: 6, undecided: 0, sides: [{ channel: CHANNEL }, { channel: CHANNEL }] });
  });

  it("name the side that has left a message out and signed the rest", async () => {
    const { alice, bob } = members(6);
    const without = rewritten(bob, (event) => (event.position === 3 ? undefined : event));
    expect((await compare(alice.export(), without)).findings).toEqual([{ kind: "missing", side: "bob", id: "id-3" }]);
    expect(
      (
        await compare(
          rewritten(alice, (event) => (event.position === 3 ? undefined : event)),
          bob.export(),
        )
      ).findings,
    ).toEqual([{ kind: "missing", side: "alice", id: "id-3" }]);
  });

  it("name a message that differs", async () => {
    const { alice, bob } = members(4);
    const changes: readonly Partial<AuditEvent>[] = [{ digest: messageDigest("other") }, { from: ALICE }];
    for (const change of changes) {
      const other = rewritten(bob, (event) => (event.position === 2 ? { ...event, ...change } : event));
      expect((await compare(alice.export(), other)).findings).toEqual([
        { kind: "mismatch", side: "alice", seq: 2, id: "id-2" },
        { kind: "mismatch", side: "bob", seq: 2, id: "id-2" },
      ]);
    }
  });

  it("name an altered and a dropped entry, and no message because of it", async () => {
    const { alice, bob } = members(5);
    const altered = bob.export().map((line) => line.replace('"position":3', '"position":30'));
    expect((await compare(alice.export(), altered)).findings).toEqual([{ kind: "altered", side: "bob", seq: 3 }]);
    expect((await compare(alice.export(), bob.export().toSpliced(3, 1))).findings).toEqual([{ kind: "dropped", side: "bob", seq: 3 }]);
  });

  it("need not have what was in the log before the first entry, after the last one, and in a gap", async () => {
    const { alice, bob } = members(8);
    const part = (keeps: readonly number[]): string[] =>
      rewritten(bob, (event) => (keeps.includes(event.position ?? 0) ? event : undefined));
    expect(await compare(alice.export(), part([3, 4, 5]))).toMatchObject({ ok: true, matched: 3, undecided: 5 });
    const gap: AuditEvent = { time: bob.time(1), kind: "refused", code: "not_member", from: CHANNEL, to: CHANNEL };
    const away = rewritten(bob, (event) => (event.position === 4 ? gap : event.position === 5 ? undefined : event));
    expect(await compare(alice.export(), away)).toMatchObject({ ok: true, matched: 6, undecided: 2 });
    const unread = rewritten(bob, ({ digest, ...event }) =>
      event.position === 4
        ? { ...event, kind: "refused", code: "decryption_failure" }
        : { ...event, ...(digest !== undefined && { digest }) },
    );
    expect(await compare(alice.export(), unread)).toMatchObject({ ok: true, matched: 7, undecided: 1 });
  });

  it("are not covered by an acknowledgement of an earlier message", async () => {
    const { alice, bob } = members(4);
    const gap: AuditEvent = { time: bob.time(1), kind: "refused", code: "audit_off", from: CHANNEL, to: CHANNEL };
    const away = rewritten(bob, (event) => {
      if (event.position === 2) return gap;
      return event.position === 3 ? { ...event, ...message(1, BOB), kind: "handled" } : event;
    });
    expect(await compare(alice.export(), away)).toMatchObject({ ok: true, matched: 2, undecided: 2 });
  });

  it("begin after what retention has removed", async () => {
    const { alice, bob } = members(6);
    const report = await compare(alice.export({ cut: 2 }), bob.export());
    expect(report).toMatchObject({ ok: true, matched: 4, undecided: 2 });
    expect(report.sides[0]?.removed).toBe(2);
  });

  it("are bound to their channel: another channel's chain and heads do not fit", async () => {
    const { alice, bob } = members(3);
    const other = new Party(BOB, "acme/team/other");
    other.add({ ...message(9, ALICE), kind: "delivered" });
    await expect(compare(alice.export(), other.export())).rejects.toThrow("the exports are not about one channel");
    await expect(compare(alice.export(), new Party(BOB).export())).rejects.toThrow("the exports are not about one channel");
    const renamed = other.export().map((line) => line.replace('"channel":"acme/team/other"', `"channel":"${CHANNEL}"`));
    expect((await compare(alice.export(), renamed)).findings.map(({ kind, side }) => [kind, side])).toEqual([
      ["spliced", "bob"],
      ["signature", "bob"],
    ]);
    const kept = Object.assign(other, { privateKey: bob.privateKey }).head();
    expect((await compare(alice.export(), bob.export(), [kept])).findings).toEqual([{ kind: "signature", side: "bob" }]);
    expect((await compare(alice.export(), bob.export(), [bob.head(2)])).findings).toEqual([]);
  });
});

import { gateOrSoak } from "@parley/test-assertions";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type AuditEntry, appendEntry, type AuditFinding, verifyAudit, type VerifyAuditOptions } from "../src/index.ts";
import { about, ALICE, BOB, exchange, Party, placeOf } from "./chains.ts";

const CAROL = "did:web:c.example:carol";
const IDS = ["1", "2", "3"];

/** The findings, without their texts and lines. */
async function findings(lines: readonly string[], options: VerifyAuditOptions = {}): Promise<Partial<AuditFinding>[]> {
  const report = await verifyAudit([{ name: "alice", lines }], options);
  expect(report.ok).toBe(report.findings.length === 0);
  for (const { detail } of report.findings) expect(detail).not.toBe("");
  return report.findings.map(placeOf);
}

function alice(): Party {
  return exchange(IDS).alice;
}

/** The lines with one of them changed. */
function withLine(lines: readonly string[], index: number, change: (line: string) => string): string[] {
  return lines.map((line, at) => (at === index ? change(line) : line));
}

function withMember(line: string, name: string, value: unknown): string {
  return JSON.stringify({ ...(JSON.parse(line) as object), [name]: value });
}

/** Another value of the same form. */
function changed(value: unknown): unknown {
  if (typeof value === "number") return value + 1;
  if (value === "accepted") return "refused";
  const text = String(value);
  const at = Math.floor(text.length / 2);
  const other = /\d/.test(text[at] ?? "") ? String((Number(text[at]) + 1) % 10) : text[at] === "a" ? "b" : "a";
  return text.slice(0, at) + other + text.slice(at + 1);
}

describe("one export", () => {
  it("that is as it was written has no findings", async () => {
    const party = alice();
    const report = await verifyAudit([{ name: "alice", lines: party.export() }], { keyOf: () => party.key });
    expect(report).toEqual({
      ok: true,
      findings: [],
      omitted: 0,
      matched: 0,
      undecided: 0,
      undecidedHidden: 0,
      sides: [
        {
          name: "alice",
          agent: ALICE,
          entries: 9,
          first: 1,
          last: 9,
          signedAt: party.time(9),
          isKeyKnown: true,
          peer: undefined,
          hidden: 0,
          removed: 0,
        },
      ],
    });
  });

  it("may be formatted differently", async () => {
    const lines = alice().export();
    const reformatted = lines.map((line) => JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(line) as object).toReversed())));
    expect(await findings([...reformatted.map((line) => line.replaceAll('":', '" : ')), ""])).toEqual([]);
  });

  it("without entries is valid", async () => {
    expect(await findings(new Party(ALICE).export())).toEqual([]);
  });

  const members = ["seq", "time", "kind", "id", "type", "thread", "from", "to", "digest", "salt", "hash", "prev"];
  it.each(members)("with another %s in an entry names that entry", async (member) => {
    const party = alice();
    const entry = party.entries[3] as AuditEntry & Record<string, unknown>;
    const lines = withLine(party.export(), 4, (line) => withMember(line, member, changed(entry[member])));
    expect(await findings(lines)).toEqual([{ kind: "altered", side: "alice", seq: 4 }]);
  });

  it("with an added, a repeated or a removed member names the entry", async () => {
    const lines = alice().export();
    for (const change of [
      (line: string) => withMember(line, "code", "e.p"),
      (line: string) => line.replace("{", '{"kind":"refused",'),
      (line: string) => withMember(line, "id", undefined),
      (line: string) => line.slice(1),
    ]) {
      expect(await findings(withLine(lines, 4, change))).toEqual([{ kind: "altered", side: "alice", seq: 4 }]);
    }
  });

  it.each([
    ["the first", 1, { seq: 1 }],
    ["one in the middle", 5, { seq: 5 }],
  ])("without %s entry names what was dropped", async (_, index, place) => {
    expect(await findings(alice().export().toSpliced(index, 1))).toEqual([{ kind: "dropped", side: "alice", ...place }]);
  });

  it("without several entries names all of them", async () => {
    expect(await findings(alice().export().toSpliced(4, 3))).toEqual([{ kind: "dropped", side: "alice", seq: 4, last: 6 }]);
  });

  it("without the last entries is truncated", async () => {
    const lines = alice().export();
    expect(await findings(lines.toSpliced(9, 1))).toEqual([{ kind: "truncated", side: "alice", seq: 9 }]);
    expect(await findings(lines.toSpliced(7, 3))).toEqual([{ kind: "truncated", side: "alice", seq: 7, last: 9 }]);
  });

  it("without its signed head has no proven end, and a head that was kept shows what is missing", async () => {
    const party = alice();
    const lines = party.export().slice(0, -4);
    expect(await findings(lines)).toEqual([{ kind: "unsigned", side: "alice" }]);
    expect(await findings(lines, { heads: [party.head()] })).toEqual([
      { kind: "unsigned", side: "alice" },
      { kind: "truncated", side: "alice", seq: 7, last: 9 },
    ]);
  });

  it("truncated and signed again is named with a head that was kept", async () => {
    const party = alice();
    const lines = [...party.export().slice(0, 7), JSON.stringify({ head: party.head(6) })];
    expect(await findings(lines)).toEqual([]);
    expect(await findings(lines, { heads: [party.head(6), party.head(9)] })).toEqual([
      { kind: "truncated", side: "alice", seq: 7, last: 9 },
    ]);
    const unnumbered = party.head(9, { isNumbered: false });
    expect(await findings(lines, { heads: [unnumbered] })).toEqual([{ kind: "rewritten", side: "alice" }]);
  });

  it("with two entries swapped names the one that is behind its place", async () => {
    const lines = alice().export();
    const [fourth = "", fifth = ""] = lines.slice(4, 6);
    expect(await findings(lines.toSpliced(4, 2, fifth, fourth))).toEqual([{ kind: "reordered", side: "alice", seq: 4 }]);
  });

  it("with an entry twice, or with one after the signed head, has insertions", async () => {
    const party = alice();
    const lines = party.export();
    expect(await findings(lines.toSpliced(5, 0, lines[4] ?? ""))).toEqual([{ kind: "inserted", side: "alice", seq: 4 }]);
    const head = party.head();
    party.add({ kind: "accepted", ...about("4", ALICE, BOB) });
    expect(await findings(party.export({ head }))).toEqual([{ kind: "inserted", side: "alice", seq: 10, last: 10 }]);
  });

  it("with entries of another chain is spliced where they begin and end", async () => {
    const [lines, others] = [alice().export(), exchange(["x", "y", "z"]).alice.export()];
    expect(await findings(lines.toSpliced(4, 2, ...others.slice(4, 6)))).toEqual([
      { kind: "spliced", side: "alice", seq: 4 },
      { kind: "spliced", side: "alice", seq: 6 },
    ]);
    expect(await findings(lines.toSpliced(1, 2, ...others.slice(1, 3)))).toEqual([{ kind: "spliced", side: "alice", seq: 3 }]);
    const bob = exchange(IDS).bob.export();
    expect(await findings(lines.toSpliced(1, 1, bob[1] ?? ""))).toEqual([
      { kind: "spliced", side: "alice", seq: 1 },
      { kind: "spliced", side: "alice", seq: 2 },
    ]);
  });

  it("rebuilt from an entry on is not the one that was signed", async () => {
    const party = alice();
    const lines = party.export();
    const rewritten: AuditEntry[] = party.entries.slice(0, 4);
    for (const { hash: _, prev: __, seq: ___, ...event } of party.entries.slice(4)) {
      rewritten.push(appendEntry(rewritten.at(-1) as AuditEntry, { ...event, time: "2020-01-01T00:00:00.000Z" }));
    }
    const forged = [lines[0] ?? "", ...rewritten.map((entry) => JSON.stringify(entry)), lines.at(-1) ?? ""];
    expect(await findings(forged)).toEqual([{ kind: "rewritten", side: "alice", seq: 9 }]);
  });

  it("signed by another key, or with the head of another party, has a wrong signature", async () => {
    const [party, other] = [alice(), new Party(ALICE)];
    expect(await findings(party.export({ head: party.head(9, { key: other.privateKey }) }))).toEqual([
      { kind: "signature", side: "alice" },
    ]);
    const wrong = { kind: "signature", side: "alice" };
    expect(await findings(party.export(), { keyOf: () => other.key })).toEqual([wrong, wrong]);
    expect(await findings(party.export({ head: exchange(IDS).bob.head() }))).toEqual([{ kind: "signature", side: "alice" }]);
    expect(await findings(withLine(party.export(), 0, (line) => withMember(line, "key", other.key)))).toEqual([
      { kind: "signature", side: "alice" },
    ]);
  });

  it("with another agent, or without a readable first line, is named", async () => {
    const lines = alice().export();
    expect(await findings(withLine(lines, 0, (line) => withMember(line, "agent", CAROL)))).toEqual([
      { kind: "spliced", side: "alice", seq: 1 },
      { kind: "signature", side: "alice" },
    ]);
    expect(await findings(withLine(lines, 0, (line) => line.slice(1)))).toContainEqual({ kind: "altered", side: "alice" });
    expect(await findings(withLine(lines, 10, (line) => withMember(line, "head", "x")))).toEqual([{ kind: "altered", side: "alice" }]);
  });
});

describe("an export whose start was removed by retention", () => {
  it("begins after the signed cut", async () => {
    const report = await verifyAudit([{ name: "alice", lines: alice().export({ cut: 4 }) }]);
    expect(report).toMatchObject({ ok: true, sides: [{ first: 5, last: 9, removed: 4 }] });
    expect(await findings(alice().export({ cut: 9 }))).toEqual([]);
  });

  it("without the cut, or with that of another key, is not taken for retention", async () => {
    const party = alice();
    expect(await findings(party.export().toSpliced(1, 4))).toEqual([{ kind: "dropped", side: "alice", seq: 1, last: 4 }]);
    const forged = withLine(party.export({ cut: 4 }), 0, (line) => withMember(line, "cut", party.cut(4, new Party(ALICE).privateKey)));
    expect(await findings(forged)).toEqual([{ kind: "signature", side: "alice" }]);
    expect(await findings(withLine(party.export({ cut: 4 }), 0, (line) => withMember(line, "cut", "x")))).toContainEqual({
      kind: "altered",
      side: "alice",
    });
  });

  it("still shows what was dropped after it", async () => {
    expect(await findings(alice().export({ cut: 4 }).toSpliced(1, 1))).toEqual([{ kind: "dropped", side: "alice", seq: 5 }]);
    expect(await findings(alice().export({ cut: 4 }).toSpliced(5, 1))).toEqual([{ kind: "truncated", side: "alice", seq: 9 }]);
  });
});

describe("an export for another party", () => {
  function withCarol(): Party {
    const party = alice();
    party.add({ kind: "accepted", ...about("secret", ALICE, CAROL) });
    party.add({ kind: "accepted", ...about("5", ALICE, BOB) });
    return party;
  }

  it("hides entries about others, and is verified nevertheless", async () => {
    const lines = withCarol().export({ peer: BOB });
    expect(lines.join()).not.toMatch(/carol|secret/);
    expect(await findings(lines)).toEqual([]);
  });

  it("counts its hidden entries, which only an export for a party has", async () => {
    const lines = withCarol().export({ peer: BOB });
    const hidden = lines.filter((line) => line.includes('"content"')).length;
    expect(hidden).toBeGreaterThan(0);
    expect(await verifyAudit([{ name: "alice", lines }])).toMatchObject({ ok: true, sides: [{ hidden, peer: BOB }] });
    const unnamed = withLine(lines, 0, (line) => withMember(line, "peer", undefined));
    const report = await verifyAudit([{ name: "alice", lines: unnamed }]);
    expect(report.sides).toMatchObject([{ hidden, peer: undefined }]);
    expect(report.findings).toEqual([
      {
        kind: "hidden",
        side: "alice",
        detail: `${hidden === 1 ? "1 entry is" : `${hidden} entries are`} hidden, although the export names no party that it is for`,
      },
    ]);
  });

  it("may have entries of a version without salts", async () => {
    const party = new Party(ALICE);
    for (const id of IDS) party.addUnsalted({ kind: "accepted", ...about(id, ALICE, BOB) });
    party.addUnsalted({ kind: "accepted", ...about("secret", ALICE, CAROL) });
    party.add({ kind: "accepted", ...about("4", ALICE, BOB) });
    party.add({ kind: "accepted", ...about("secret 2", ALICE, CAROL) });
    expect(party.entries.map(({ salt }) => salt === undefined)).toEqual([true, true, true, true, false, false]);
    for (const lines of [party.export(), party.export({ peer: BOB })]) {
      // oxlint-disable-next-line no-await-in-loop
      expect(await findings(lines)).toEqual([]);
    }
  });

  it("shows when a hidden entry was altered or dropped", async () => {
    const lines = withCarol().export({ peer: BOB });
    expect(await findings(withLine(lines, 10, (line) => withMember(line, "content", "A".repeat(43))))).toEqual([
      { kind: "altered", side: "alice", seq: 10 },
    ]);
    expect(await findings(lines.toSpliced(10, 1))).toEqual([{ kind: "dropped", side: "alice", seq: 10 }]);
  });
});

describe("the key of a party", () => {
  /** The DID document of Alice, as a function that finds its only key. */
  const documentOf = (party: Party, asked: string[]): VerifyAuditOptions => ({
    keyOf: (_, keyId) => {
      asked.push(keyId);
      return party.key;
    },
  });

  it("is not looked up by the head of another party in place of that of the export", async () => {
    const { alice: one, bob } = exchange(IDS);
    const asked: string[] = [];
    const lines = one.export({ head: bob.head() });
    const report = await verifyAudit([{ name: "alice", lines }], documentOf(one, asked));
    expect(asked).toEqual([`${ALICE}#signing`]);
    expect(report.sides).toMatchObject([{ isKeyKnown: true }]);
    expect(report.findings).toEqual([
      { kind: "signature", side: "alice", detail: `the signed head is one of ${BOB}, and not of ${ALICE}` },
    ]);
  });

  it("is looked up for an export without a head", async () => {
    const party = alice();
    const asked: string[] = [];
    const report = await verifyAudit([{ name: "alice", lines: party.export().slice(0, -1) }], documentOf(party, asked));
    expect(asked).toEqual([`${ALICE}#signing`]);
    expect(report).toMatchObject({ sides: [{ isKeyKnown: true }], findings: [{ kind: "unsigned" }] });
  });

  it("is not known if the first line can't be read", async () => {
    const party = alice();
    const report = await verifyAudit([{ name: "alice", lines: ["{}", ...party.export().slice(1)] }], documentOf(party, []));
    expect(report.sides).toMatchObject([{ agent: undefined, isKeyKnown: false }]);
    expect(report.findings).toMatchObject([
      { kind: "altered", line: 1 },
      { kind: "signature", detail: `the signed head of ${ALICE} can't be checked without the first line` },
    ]);
  });
});

it.each([[[]], [["{}", "hello"]], [[JSON.stringify({ id: ALICE, verificationMethod: [] })]]])(
  "rejects %j, which is not an export",
  async (lines) => {
    await expect(verifyAudit([{ name: "x.jsonl", lines }])).rejects.toThrow(new TypeError("x.jsonl is not an export of an audit chain"));
  },
);

it("reports a head that was kept if the party of the export is not known", async () => {
  const party = alice();
  const report = await verifyAudit([{ name: "alice", lines: ["{}", ...party.export().slice(1, -1)] }], {
    heads: [party.head(), party.head()],
  });
  expect(report.findings).toMatchObject([
    { kind: "altered", line: 1 },
    { kind: "unsigned" },
    { kind: "signature", detail: `a head that was kept of ${ALICE} can't be checked without the first line` },
  ]);
});

it("rejects an export with more entries than may be kept in memory", async () => {
  const lines = alice().export();
  await expect(verifyAudit([{ name: "alice", lines }], { maxEntries: 8 })).rejects.toThrow(new TypeError("alice has more than 8 entries"));
  await expect(verifyAudit([{ name: "alice", lines }], { maxEntries: 9 })).resolves.toMatchObject({ ok: true });
});

it("rejects heads of other parties, and more than two exports", async () => {
  const { alice: one, bob } = exchange(IDS);
  const lines = one.export();
  await expect(verifyAudit([{ name: "alice", lines }], { heads: [bob.head()] })).rejects.toThrow(
    /the export of did:web:b\.example:bob, whose head is given, is missing/,
  );
  await expect(verifyAudit([{ name: "alice", lines }], { heads: ["x"] })).rejects.toThrow(
    new TypeError("a head that was kept is not a signed head of an audit chain"),
  );
  await expect(verifyAudit([])).rejects.toThrow(TypeError);
  await expect(
    verifyAudit([
      { name: "1", lines },
      { name: "2", lines },
    ]),
  ).rejects.toThrow(/both exports are of did:web:a\.example:alice/);
});

it("each change of a line, and each change of their order or number, is found", { timeout: gateOrSoak(60_000, 3_600_000) }, async () => {
  const party = alice();
  const lines = party.export();
  const text = lines.join("\n");
  const place = fc.nat(lines.length - 1);
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        fc.record({ at: fc.nat(text.length - 1), bit: fc.nat(6) }).map(({ at, bit }) => {
          const character = String.fromCharCode(text.charCodeAt(at) ^ (1 << bit));
          return (text.slice(0, at) + character + text.slice(at + 1)).split("\n");
        }),
        fc.tuple(place, place).map(([from, to]) => lines.toSpliced(from, 1).toSpliced(to, 0, lines[from] ?? "")),
        fc.tuple(place, place).map(([from, count]) => lines.toSpliced(from, count)),
        fc.tuple(place, place).map(([from, to]) => lines.toSpliced(to, 0, lines[from] ?? "")),
      ),
      async (tampered) => {
        const isSame = JSON.stringify(tampered.map(parsed)) === JSON.stringify(lines.map(parsed));
        const { ok } = await verifyAudit([{ name: "alice", lines: tampered }], { keyOf: () => party.key });
        expect(ok).toBe(isSame);
      },
    ),
    { numRuns: gateOrSoak(1000, 100_000) },
  );
});

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return line;
  }
}

import canonicalize from "canonicalize";
import fc from "fast-check";
import { expect, it } from "vitest";
import { contentDigest, isIntact, MAX_TEXT, readEntry } from "../src/entry.ts";
import { appendEntry, auditText, chainStart, createSalt, hideEntry, messageDigest } from "../src/index.ts";
import { about, ALICE, BOB } from "./chains.ts";

const EVENT = { time: "2026-01-01T00:00:00.000Z", kind: "refused", ...about("1", ALICE, BOB), code: "e.p", omitted: 3, head: "h" } as const;

it("the digest of an entry is that of its canonical JSON, in whatever order its members are", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.integer({ min: 1 }), (id, seq) => {
      const content = { ...EVENT, id, seq };
      const reversed = Object.fromEntries(Object.entries(content).toReversed()) as typeof content;
      expect(contentDigest(reversed)).toBe(messageDigest(canonicalize(content) ?? ""));
    }),
  );
});

it("entries have the hashes that the format defines", () => {
  const first = appendEntry(chainStart(ALICE), { ...about("1", ALICE, BOB), time: "2026-01-01T00:00:00.000Z", kind: "accepted" });
  expect(first).toEqual({
    ...about("1", ALICE, BOB),
    time: "2026-01-01T00:00:00.000Z",
    kind: "accepted",
    seq: 1,
    prev: "klIy-ELzRntedEWQbtPJluIYnKF36UADpJrM2B58bVk",
    hash: "kyjDWF_k7rZBBJmOjQIhK2njjbeTESK-0SOUm9zaIWo",
  });
  expect(appendEntry(first, EVENT)).toMatchObject({ seq: 2, prev: first.hash });
});

it("a hidden entry has the hash of the entry, and not its content", () => {
  const entry = appendEntry(chainStart(ALICE), EVENT);
  const hidden = hideEntry(entry);
  expect(Object.keys(hidden).toSorted()).toEqual(["content", "hash", "prev", "seq"]);
  expect(isIntact(hidden)).toBe(true);
  expect(isIntact({ ...hidden, content: messageDigest("other") })).toBe(false);
});

it("a hidden entry can't be guessed by its digest, as its salt is hidden too", () => {
  const [one, other] = [createSalt(), createSalt()].map((salt) => appendEntry(chainStart(ALICE), EVENT, salt));
  expect(one?.salt).toMatch(/^[\w-]{22}$/);
  expect(one?.salt).not.toBe(other?.salt);
  const digests = [one, other, appendEntry(chainStart(ALICE), EVENT)].map((entry) => entry && hideEntry(entry).content);
  expect(new Set(digests).size).toBe(3);
  expect(JSON.stringify(one && hideEntry(one))).not.toContain(one?.salt);
});

it.each([
  ["no object", []],
  ["an unknown member", { more: 1 }],
  ["a missing member", { to: undefined }],
  ["a number as text", { seq: "1" }],
  ["number zero", { seq: 0 }],
  ["an unknown kind", { kind: "sent" }],
  ["a time in another form", { time: "2026-01-01" }],
  ["a text that is too long", { id: "x".repeat(MAX_TEXT + 1) }],
  ["a hash that is too short", { hash: "abc" }],
  ["a hash in another spelling", { hash: `${"A".repeat(42)}B` }],
  ["content and members", { content: messageDigest("x") }],
  ["a salt that is too short", { salt: "A".repeat(21) }],
  ["a salt in another spelling", { salt: `${"A".repeat(21)}B` }],
])("does not read %s", (_, change) => {
  const entry = JSON.parse(JSON.stringify(appendEntry(chainStart(ALICE), EVENT))) as object;
  expect(readEntry(entry)).toBeDefined();
  const changed: unknown = Array.isArray(change) ? change : JSON.parse(JSON.stringify({ ...entry, ...change }));
  expect(readEntry(changed)).toBeUndefined();
});

it("cuts texts of senders between characters", () => {
  expect(auditText("x".repeat(MAX_TEXT))).toHaveLength(MAX_TEXT);
  const cut = auditText(`${"x".repeat(MAX_TEXT - 2)}😀😀`);
  expect(cut).toBe(`${"x".repeat(MAX_TEXT - 2)}…`);
});

import { expect, it } from "vitest";
import { isSignedBy, readHead } from "../src/index.ts";
import { ALICE, BOB, exchange, Party } from "./chains.ts";

const { alice, bob } = exchange(["1"]);

it("a head has what was signed", () => {
  const { hash } = alice.entries[1] as { hash: string };
  const head = { agent: ALICE, hash, time: "2026-01-01T00:00:02.000Z", kid: `${ALICE}#signing` };
  expect(readHead("head", alice.head(2, { seconds: 2 }))).toEqual({ ...head, seq: 2 });
  expect(readHead("head", alice.head(2, { seconds: 2, isNumbered: false }))).toEqual(head);
  expect(readHead("cut", alice.cut(2))).toMatchObject({ agent: ALICE, seq: 2, hash, until: alice.entries[1]?.time });
});

it("a head is signed by one key, and each changed character breaks it", () => {
  const jws = alice.head();
  expect(isSignedBy(jws, alice.key)).toBe(true);
  expect(isSignedBy(jws, bob.key)).toBe(false);
  expect(isSignedBy(jws, { ...alice.key, x: "short" })).toBe(false);
  for (let at = 0; at < jws.length; at++) {
    const changed = jws.slice(0, at) + (jws[at] === "A" ? "B" : "A") + jws.slice(at + 1);
    expect(readHead("head", changed) !== undefined && isSignedBy(changed, alice.key), `character ${at}`).toBe(false);
  }
});

it.each([
  ["a cut", alice.cut(1)],
  ["no text", 1],
  ["no JWS", "a.b"],
  ["a long text", `${alice.head()}${"A".repeat(4096)}`],
  ["no JSON", "e30.AAAA.AAAA"],
])("%s is not a head", (_, jws) => {
  expect(readHead("head", jws)).toBeUndefined();
});

it("a head is not a cut, and a head of another party is signed by another key", () => {
  expect(readHead("cut", alice.head())).toBeUndefined();
  expect(isSignedBy(new Party(BOB).head(0), bob.key)).toBe(false);
});

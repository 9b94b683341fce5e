import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { peekPresentation } from "../../src/credentials/peek.ts";

const NOTHING = { hasAudience: false, signedAt: undefined };
const TOKEN = jws({ aud: "did:web:v.example", iat: 1_800_000_000 });
const ALL = { hasAudience: true, signedAt: 1_800_000_000_000 };

function jws(claims: object): string {
  return `e30.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.AA`;
}

function envelope(id: string, more: object = {}): string {
  return JSON.stringify({ type: "EnvelopedVerifiablePresentation", id, ...more });
}

describe("peekPresentation", () => {
  it.each([
    ["a JWS", TOKEN, ALL],
    ["a JWS without claims", jws({}), NOTHING],
    ["a JWS whose iat is not a time", jws({ iat: "yesterday" }), NOTHING],
    ["a JWS whose iat is text", jws({ aud: "x", iat: "1800000000" }), ALL],
    ["a JWS whose iat is a date", jws({ aud: "x", iat: "2027-01-15T08:00:00Z" }), ALL],
    ["white space around a JWS", `\n ${TOKEN}\r\n`, ALL],
    ["white space around an envelope", ` \n${envelope(`data:application/vp+jwt,${TOKEN}`)}\n`, ALL],
    ["an envelope", envelope(`data:application/vp+jwt,${TOKEN}`), ALL],
    ["an envelope in percent-encoding", envelope(`data:application/vp+jwt,${TOKEN.replaceAll(".", "%2E")}`), ALL],
    ["an envelope in base64", envelope(`data:application/vp+jwt;charset=utf-8;base64,${Buffer.from(TOKEN).toString("base64")}`), ALL],
    ["an envelope with several types", envelope(`data:application/jwt,${TOKEN}`, { type: ["x", "EnvelopedVerifiablePresentation"] }), ALL],
    [
      "an envelope with a proof beside, which is not signed",
      envelope(`data:application/vp+jwt,${TOKEN}`, { proof: { created: "2030-01-01T00:00:00Z" } }),
      ALL,
    ],
    ["a proof", JSON.stringify({ proof: { created: "2027-01-15T08:00:00Z", domain: ["x"] } }), ALL],
    [
      "several proofs: the oldest",
      JSON.stringify({ proof: [{ created: "2030-01-01T00:00:00Z" }, { created: "2027-01-15T08:00:00Z", domain: "x" }] }),
      ALL,
    ],
    ["a proof without a time", JSON.stringify({ proof: {} }), NOTHING],
    ["JSON without a proof", "{}", NOTHING],
    ["broken JSON", '{"proof":', NOTHING],
    ["an envelope around nothing", envelope("data:,"), NOTHING],
    ["an envelope with broken percent-encoding", envelope("data:application/vp+jwt,%E0%A4%A"), NOTHING],
    ["nothing", "", NOTHING],
  ])("reads %s", (_, signed, expected) => {
    expect(peekPresentation(signed)).toEqual(expected);
  });

  it("never fails", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.json().map((id) => envelope(`data:x,${id}`)),
        ),
        (text) => {
          expect(peekPresentation(text)).toHaveProperty("hasAudience");
        },
      ),
    );
  });
});

import type { JsonObject } from "@parley/core";
import { rejectionOf } from "@parley/test-assertions";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { signCredential, signPresentation, verifyCredential, verifyPresentation, VcError, type CredentialFormat } from "../src/index.ts";
import { parseDateTimeStamp } from "../src/model/date.ts";
import { forgeCredential, FORMATS } from "./forge.ts";
import { credentialFor, makeParty, resolverOf } from "./parties.ts";

const issuer = makeParty("issuer");
const resolver = resolverOf(issuer);
const { key, did } = issuer;

const FIRST = Date.parse("0000-01-01T00:00:00Z");
const LAST = Date.parse("9999-12-31T23:59:59Z");
const TOLERANCE = 30_000;

const number = (max: number, length = 2): fc.Arbitrary<string> =>
  fc.integer({ min: 0, max }).map((value) => String(value).padStart(length, "0"));
/** Texts that look like dates; some name no day, no time or no zone of any calendar. */
const looksLikeDate = fc
  .record({
    year: fc.oneof(number(9999, 4), fc.constantFrom("0000", "0001", "1969", "1970", "2016", "9999", "10000", "-0001")),
    month: number(13),
    day: number(32),
    hour: number(25),
    minute: number(61),
    second: number(61),
    fraction: fc.constantFrom("", ".5", ".000", ".999999999", ".12345678901234567890"),
    zone: fc.constantFrom("Z", "Z", "z", "", "+00:00", "-00:00", "+14:00", "-14:00", "+14:01", "+05:30", "-11:59", "+0200"),
  })
  .map(
    ({ year, month, day, hour, minute, second, fraction, zone }) => `${year}-${month}-${day}T${hour}:${minute}:${second}${fraction}${zone}`,
  );
const special = fc.constantFrom("2016-12-31T23:59:60Z", "2026-01-31T24:00:00Z", "9999-12-31T24:00:00Z", "0000-01-01T00:00:00+14:00");
const instant = fc.integer({ min: FIRST, max: LAST });
const date = fc.oneof(
  looksLikeDate,
  special,
  instant.map((time) => new Date(time).toISOString()),
  fc.integer({ min: -3e12, max: 3e12 }).map((time) => new Date(time).toISOString().replace("Z", "+01:00")),
);

interface Case {
  readonly from: string | undefined;
  readonly until: string | undefined;
  readonly now: number;
}

const cases: fc.Arbitrary<Case> = fc.record({
  from: fc.option(date, { nil: undefined }),
  until: fc.option(date, { nil: undefined }),
  now: instant,
});

function within(time: number | undefined, fallback: number): number {
  return Math.min(LAST, Math.max(FIRST, time ?? fallback));
}

/** The result that verification must have for dates that the signer accepted. */
function verdictOf({ from, until }: Case, now: number): string {
  const [validFrom, validUntil] = [from, until].map((text) => (text === undefined ? undefined : parseDateTimeStamp(text)));
  if (validFrom !== undefined && now + TOLERANCE < validFrom) return "not_yet_valid";
  return validUntil !== undefined && now - TOLERANCE >= validUntil ? "expired" : "valid";
}

async function verify(signed: string, now: number): Promise<{ verdict: string; credential?: JsonObject }> {
  try {
    const { credential } = await verifyCredential(signed, { resolver, now: () => now });
    return { verdict: "valid", credential };
  } catch (error) {
    if (error instanceof VcError) return { verdict: error.code };
    throw error;
  }
}

function codeOf(error: unknown): string {
  if (error instanceof VcError) return error.code;
  throw error;
}

async function check(credential: JsonObject, format: CredentialFormat, dates: Case): Promise<void> {
  const signed = await signCredential(credential, { key, format, now: () => dates.now }).catch(codeOf);
  // What the signer rejects, the verifier rejects too.
  const forged = await verify(await forgeCredential(credential, issuer, format), dates.now);
  expect(forged.verdict === "credential_invalid").toBe(signed === "credential_invalid");
  if (signed === "credential_invalid") return;
  const [from, until] = [dates.from, dates.until].map((text) => (text === undefined ? undefined : parseDateTimeStamp(text)));
  for (const now of [dates.now, within(from, dates.now), within(until, dates.now), within((until ?? 0) - 1000, dates.now)]) {
    const { verdict, credential: read = credential } = await verify(signed, now);
    expect(verdict).toBe(verdictOf(dates, now));
    expect(read).toEqual(credential);
  }
}

describe("signer and verifier agree on every date", { timeout: 120_000 }, () => {
  it.each(FORMATS)("validFrom and validUntil in %s", async (format) => {
    await fc.assert(
      fc.asyncProperty(cases, async (dates) => {
        const { validFrom: _, validUntil: __, ...rest } = credentialFor(issuer, "did:x:subject");
        const { from, until } = dates;
        const credential = { ...rest, ...(from !== undefined && { validFrom: from }), ...(until !== undefined && { validUntil: until }) };
        await check(credential, format, dates);
      }),
    );
  });

  it("issuanceDate and expirationDate of VCDM 1.1", async () => {
    await fc.assert(
      fc.asyncProperty(cases, date, async (dates, from) => {
        const { validFrom: _, validUntil: __, ...rest } = credentialFor(issuer, "did:x:subject");
        const context = ["https://www.w3.org/2018/credentials/v1"];
        const { until } = dates;
        const credential = { ...rest, "@context": context, issuanceDate: from, ...(until !== undefined && { expirationDate: until }) };
        await check(credential, "jwt", { ...dates, from });
      }),
    );
  });

  it.each(FORMATS)("the time and the lifetime of a presentation in %s", async (format) => {
    const lifetime = fc.oneof(fc.nat(1000), fc.nat(), fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }));
    await fc.assert(
      fc.asyncProperty(fc.oneof(instant, fc.maxSafeInteger()), lifetime, async (now, lifetimeMs) => {
        const signing = signPresentation([], { holder: did, key, format, now: () => now, lifetimeMs });
        const presented = await signing.catch((error: unknown) => (error instanceof TypeError ? undefined : codeOf(error)));
        expect(presented !== undefined).toBe(now >= FIRST && now + lifetimeMs < LAST + 1000);
        if (presented === undefined) return;
        await expect(verifyPresentation(presented, { resolver, now: () => now })).resolves.toMatchObject({ holder: did });
        const later = now + lifetimeMs + TOLERANCE;
        if (later > LAST) return;
        expect(codeOf(await rejectionOf(verifyPresentation(presented, { resolver, now: () => later })))).toBe("signature_expired");
      }),
    );
  });
});

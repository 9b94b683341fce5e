import { deflateSync } from "node:zlib";
import type { JsonObject } from "@parley/core";
import { rejectionOf } from "@parley/test-assertions";
import { describe, expect, it } from "vitest";
import type { VcError, VcErrorCode } from "../../src/index.ts";
import { signSdJwt, verifySdJwt, type VerifySdJwtOptions } from "../../src/sd-jwt-entry.ts";
import { expectVcError } from "../expect-error.ts";
import { makeToken } from "../forge.ts";
import { makeParty, NOW, resolverOf, type Party } from "../parties.ts";

const issuer = makeParty("issuer");
const publisher = makeParty("publisher");
const resolver = resolverOf(issuer, publisher);
const now = (): number => NOW;
const uri = "https://issuer.example/statuslists/1";

/** The lists of sections 4.1 and 4.2 of the specification, with the statuses that they encode. */
const ONE_BIT = { bits: 1, lst: "eNrbuRgAAhcBXQ" };
const ONE_BIT_STATUSES = [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1];
const TWO_BITS = { bits: 2, lst: "eNo76fITAAPfAgc" };
const TWO_BIT_STATUSES = [1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3];
const CODES: Record<number, VcErrorCode> = { 1: "revoked", 2: "suspended", 3: "status_unsupported" };

const payload: JsonObject = { sub: uri, iat: NOW / 1000, exp: NOW / 1000 + 600, ttl: 60, status_list: ONE_BIT };

function listToken(change: JsonObject = {}, { header = {}, signer = issuer }: { header?: JsonObject; signer?: Party } = {}): string {
  const { kid, privateKey } = signer.key;
  return makeToken({ alg: "EdDSA", typ: "statuslist+jwt", kid, ...header }, { ...payload, ...change }, privateKey);
}

async function verify(
  idx: JsonObject[string],
  list: string | Error,
  options: Partial<VerifySdJwtOptions> = {},
  status: JsonObject = { status_list: { idx, uri } },
): ReturnType<typeof verifySdJwt> {
  const signed = await signSdJwt({ vct: "urn:x", status }, { key: issuer.key, now });
  const fetch = async (url: string): Promise<string> => {
    expect(url).toBe(uri);
    if (list instanceof Error) throw list;
    return list;
  };
  return verifySdJwt(signed, { resolver, now, keyBinding: "none", status: fetch, ...options });
}

describe("a Token Status List", () => {
  it.each([
    ["one bit", ONE_BIT, ONE_BIT_STATUSES],
    ["two bits", TWO_BITS, TWO_BIT_STATUSES],
  ])("of %s has the statuses of the specification", async (_, list, statuses) => {
    for (const [idx, status] of statuses.entries()) {
      const outcome = verify(idx, listToken({ status_list: list })).then(
        ({ holdsUntil }) => holdsUntil,
        (error: VcError) => error.code,
      );
      expect(await outcome).toBe(CODES[status] ?? NOW + 60_000);
    }
  });

  it("is not fetched if the status is ignored, and required otherwise", async () => {
    await expect(verify(0, new Error("not fetched"), { status: "ignore" })).resolves.toMatchObject({ issuer: issuer.did });
    const error = expectVcError(await rejectionOf(verify(0, new Error("no network"))), "status_unavailable");
    expect(error.retryable).toBe(true);
    const signed = await signSdJwt({ vct: "urn:x", status: { status_list: { idx: 0, uri } } }, { key: issuer.key, now });
    expectVcError(await rejectionOf(verifySdJwt(signed, { resolver, now, keyBinding: "none" })), "status_unavailable");
  });

  it("of another issuer is accepted only if it is trusted", async () => {
    const list = listToken({}, { signer: publisher });
    expectVcError(await rejectionOf(verify(1, list)), "status_invalid");
    await expect(verify(1, list, { trustedStatusIssuers: [publisher.did] })).resolves.toMatchObject({ issuer: issuer.did });
  });

  it.each<[string, VcErrorCode, () => string]>([
    ["with another typ", "status_invalid", () => listToken({}, { header: { typ: "JWT" } })],
    ["signed by another key", "status_invalid", () => listToken({}, { header: { kid: issuer.key.kid }, signer: publisher })],
    ["that is unsigned", "status_invalid", () => makeToken({ alg: "none", typ: "statuslist+jwt", kid: issuer.key.kid }, payload)],
    ["of another URL", "status_invalid", () => listToken({ sub: "https://issuer.example/statuslists/2" })],
    ["that names no URL", "status_invalid", () => listToken({ sub: undefined })],
    ["that has expired", "status_unavailable", () => listToken({ exp: NOW / 1000 - 60 })],
    ["with a negative ttl", "status_invalid", () => listToken({ ttl: -1 })],
    ["with three bits", "status_invalid", () => listToken({ status_list: { ...ONE_BIT, bits: 3 } })],
    ["without a list", "status_invalid", () => listToken({ status_list: undefined })],
    ["that is not zlib", "status_invalid", () => listToken({ status_list: { bits: 1, lst: "AAAA" } })],
    ["that is not base64url", "status_invalid", () => listToken({ status_list: { bits: 1, lst: "+" } })],
    [
      "that ends before the index",
      "status_invalid",
      () => listToken({ status_list: { bits: 1, lst: deflateSync(Buffer.alloc(0)).toString("base64url") } }),
    ],
    [
      "that grows beyond the limit",
      "status_invalid",
      () => listToken({ status_list: { bits: 1, lst: deflateSync(Buffer.alloc(3_000_000)).toString("base64url") } }),
    ],
    ["that is HTML", "status_invalid", () => "<html>"],
  ])("%s is rejected", async (_, code, make) => {
    expectVcError(await rejectionOf(verify(1, make())), code);
  });

  it.each<[string, VcErrorCode, JsonObject]>([
    ["of an unknown kind", "status_unsupported", { other: {} }],
    ["that is not an object", "status_invalid", { status_list: 1 }],
    ["with a negative index", "status_invalid", { status_list: { idx: -1, uri } }],
    ["with an index that is text", "status_invalid", { status_list: { idx: "1", uri } }],
    ["with a file as its list", "status_invalid", { status_list: { idx: 1, uri: "file:///etc/passwd" } }],
  ])("is not fetched for a status %s", async (_, code, status) => {
    expectVcError(await rejectionOf(verify(1, new Error("not fetched"), {}, status)), code);
  });
});

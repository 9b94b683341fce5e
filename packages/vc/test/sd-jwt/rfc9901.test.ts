import type { JsonObject } from "@parley/core";
import { createDidResolver, didKeyMethod, publicKeyJwk } from "@parley/did";
import { rejectionOf } from "@parley/test-assertions";
import { describe, expect, it } from "vitest";
import { verifyJws } from "../../src/jwt/jws.ts";
import { importPublicJwk } from "../../src/keys/import-public-jwk.ts";
import { verifyKeyBinding } from "../../src/sd-jwt/key-binding.ts";
import { reveal } from "../../src/sd-jwt/reveal.ts";
import { readSdJwt } from "../../src/sd-jwt/sd-jwt.ts";
import { beginVerification } from "../../src/verification.ts";
import { expectVcError } from "../expect-error.ts";
import { DISCLOSURES, ISSUER_JWK, ISSUER_SIGNED, KEY_BINDING, PROCESSED } from "./rfc9901.ts";

const SELECTED = [1, 5, 0, 8].map((i) => DISCLOSURES[i]);
const PRESENTED = `${[ISSUER_SIGNED, ...SELECTED].join("~")}~${KEY_BINDING}`;
const issuerKey = await importPublicJwk(
  publicKeyJwk({ id: "#", type: "JsonWebKey", controller: "", publicKeyJwk: { ...ISSUER_JWK } }),
  "The issuer's key",
);
const signedAt = 1_748_361_941_000;
const verification = beginVerification({ resolver: createDidResolver({ methods: didKeyMethod() }), now: () => signedAt });
const binding = { nonce: "1234567890", audience: "https://verifier.example.org" };
const holder = { jwk: { ...PROCESSED.cnf.jwk } as JsonObject };

describe("the example of RFC 9901", () => {
  it("is signed by its issuer", async () => {
    const { jws } = await readSdJwt(PRESENTED, 10_000);
    await expect(verifyJws(jws, issuerKey)).resolves.toBeUndefined();
    expectVcError(await rejectionOf(verifyJws({ ...jws, signature: jws.signature.toReversed() }, issuerKey)), "signature_invalid");
  });

  it("has the processed payload of section 5.2", async () => {
    const { jws, disclosures } = await readSdJwt(PRESENTED, 10_000);
    expect(reveal(jws.payload, disclosures).claims).toEqual(PROCESSED);
  });

  it("has every claim of section 5.1 with all disclosures", async () => {
    const { jws, disclosures } = await readSdJwt(`${[ISSUER_SIGNED, ...DISCLOSURES].join("~")}~`, 10_000);
    const { claims, placed } = reveal(jws.payload, disclosures);
    expect(claims).toEqual({
      ...PROCESSED,
      nationalities: ["US", "DE"],
      email: "johndoe@example.com",
      phone_number: "+1-202-555-0101",
      phone_number_verified: true,
      birthdate: "1940-01-01",
      updated_at: 1570000000,
    });
    expect(placed.map(({ path }) => path.join("."))).toEqual(expect.arrayContaining(["nationalities.0", "nationalities.1", "birthdate"]));
  });

  it("has a key binding that verifies, for its nonce and audience only", async () => {
    const sdJwt = await readSdJwt(PRESENTED, 10_000);
    await expect(verifyKeyBinding(sdJwt, holder, binding, verification)).resolves.toBeUndefined();
    const replayed = verifyKeyBinding(sdJwt, holder, { ...binding, nonce: "1" }, verification);
    expectVcError(await rejectionOf(replayed), "nonce_mismatch");
    const fewer = await readSdJwt(`${[ISSUER_SIGNED, ...SELECTED.slice(1)].join("~")}~${KEY_BINDING}`, 10_000);
    expectVcError(await rejectionOf(verifyKeyBinding(fewer, holder, binding, verification)), "key_binding_invalid");
  });
});

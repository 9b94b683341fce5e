import { createHash, randomBytes, sign, verify, createPublicKey, type KeyObject } from "node:crypto";
import { SDJwtInstance } from "@sd-jwt/core";
import type { JsonObject } from "@parley/core";
import { rejectionOf } from "@parley/test-assertions";
import { describe, expect, it } from "vitest";
import { presentSdJwt, signSdJwt, verifySdJwt } from "../../src/sd-jwt-entry.ts";
import { expectVcError } from "../expect-error.ts";
import { makeParty, NOW, resolverOf, type Party } from "../parties.ts";

const issuer = makeParty("issuer");
const holder = makeParty("holder", "P-256");
const resolver = resolverOf(issuer, holder);
const now = (): number => NOW;
const binding = { nonce: "n-1", audience: "https://verifier.example" };
const claims = { vct: "urn:person", name: "Erika", address: { street: "Heidestraße 17", country: "DE" }, list: ["a", "b"] };

function signer(key: KeyObject, hash: string | null): (data: string) => string {
  return (data) => sign(hash, Buffer.from(data), { key, dsaEncoding: "ieee-p1363" }).toString("base64url");
}

function verifier({ publicJwk }: Party, hash: string | null): (data: string, signature: string) => boolean {
  const key = createPublicKey({ key: publicJwk, format: "jwk" });
  return (data, signature) => verify(hash, Buffer.from(data), { key, dsaEncoding: "ieee-p1363" }, Buffer.from(signature, "base64url"));
}

/** The library of the OpenWallet Foundation. */
class OtherLibrary extends SDJwtInstance<{ vct: string; [claim: string]: unknown }> {
  override type = "dc+sd-jwt";
}

const theirs = new OtherLibrary({
  signer: signer(issuer.key.privateKey, null),
  signAlg: "EdDSA",
  verifier: verifier(issuer, null),
  kbSigner: signer(holder.key.privateKey, "sha256"),
  kbSignAlg: "ES256",
  kbVerifier: verifier(holder, "sha256"),
  hasher: (data) =>
    createHash("sha256")
      .update(typeof data === "string" ? data : new Uint8Array(data))
      .digest(),
  hashAlg: "sha-256",
  saltGenerator: (length) => randomBytes(length).toString("hex"),
});

describe("@sd-jwt/core", () => {
  it("issues and presents credentials that verify here", async () => {
    const frame = { _sd: ["name", "address"], address: { _sd: ["street"] }, list: { _sd: [0] } } as never;
    const payload = { ...claims, iss: issuer.did, iat: NOW / 1000, cnf: { jwk: holder.publicJwk } };
    const issued = await theirs.issue(payload, frame, { header: { kid: issuer.key.kid } });
    const kb = { payload: { iat: NOW / 1000, nonce: binding.nonce, aud: binding.audience } };
    const presented = await theirs.present(issued, { address: { street: true } }, { kb });
    const verified = await verifySdJwt(presented, { resolver, now, keyBinding: binding });
    const { vct, address } = claims;
    expect(verified.claims).toEqual({ vct, address, list: ["b"], iss: issuer.did, iat: NOW / 1000, cnf: { jwk: holder.publicJwk } });
    const other = verifySdJwt(presented, { resolver, now, keyBinding: { ...binding, nonce: "n-2" } });
    expectVcError(await rejectionOf(other), "nonce_mismatch");
    const ours = await presentSdJwt(issued, {
      disclose: [["list", 0]],
      keyBinding: { ...binding, privateKey: holder.key.privateKey },
      now,
    });
    expect((await verifySdJwt(ours, { resolver, now, keyBinding: binding })).claims["list"]).toEqual(["a", "b"]);
  });

  it("verifies our credentials and presentations", async () => {
    const disclosable = [["name"], ["address"], ["address", "street"], ["list", null]] as const;
    const jwk = holder.publicJwk as JsonObject;
    const issued = await signSdJwt(claims, { key: issuer.key, disclosable, holder: { jwk }, now: Date.now });
    expect(await theirs.getClaims(issued)).toMatchObject(claims);
    const presented = await presentSdJwt(issued, {
      disclose: [
        ["address", "street"],
        ["list", 1],
      ],
      keyBinding: { ...binding, privateKey: holder.key.privateKey },
    });
    const { payload, kb } = await theirs.verify(presented, { keyBindingNonce: binding.nonce });
    expect(payload).toMatchObject({ vct: claims.vct, address: claims.address, list: ["b"] });
    expect(payload).not.toHaveProperty("name");
    expect(kb?.payload).toMatchObject({ nonce: binding.nonce, aud: binding.audience });
    await expect(theirs.verify(presented, { keyBindingNonce: "n-2" })).rejects.toThrow(/nonce/i);
  });
});

import { describeUnless, readVectors, rejectionOf } from "@parley/test-assertions";
import type { PublicJwk } from "@parley/did";
import { decodePlaintext, isJsonObject, type JsonObject, type Message } from "@parley/core";
import { expect, it } from "vitest";
import { unpack, type LayerAlgorithms, type PrivateJwk } from "../src/index.ts";
import { expectCryptoError } from "./expect-error.ts";

interface Block {
  readonly head: string;
  readonly para: string;
  readonly value: unknown;
}

const { value: vectors, missing } = readVectors("didcomm.json");
const blocks = (vectors as { readonly blocks: readonly Block[] } | undefined)?.blocks ?? [];
const under = (head: string): readonly Block[] => blocks.filter((block) => block.head.includes(head));

const secrets = new Map(
  [...under("A.1."), ...under("A.2.")].flatMap(({ value }) => value as (PrivateJwk & { kid: string })[]).map((key) => [key.kid, key]),
);

/** What a document lists for a purpose, by id. */
function listed(head: string, purpose: string): ReadonlyMap<string, PublicJwk> {
  const document = under(head)[0]?.value;
  const methods = isJsonObject(document) ? (document[purpose] as readonly JsonObject[]) : [];
  return new Map(methods.map((method) => [String(method["id"]), method["publicKeyJwk"] as unknown as PublicJwk]));
}

const senderKeys = listed("B.1.", "keyAgreement");
const signerKeys = listed("B.1.", "authentication");
const keys = { senderKey: (kid: string) => senderKeys.get(kid), signerKey: (kid: string) => signerKeys.get(kid) };

const ANON: Record<string, LayerAlgorithms> = {
  xc20p: { alg: "ECDH-ES+A256KW", enc: "XC20P" },
  cbc: { alg: "ECDH-ES+A256KW", enc: "A256CBC-HS512" },
  gcm: { alg: "ECDH-ES+A256KW", enc: "A256GCM" },
};
const AUTH: LayerAlgorithms = { alg: "ECDH-1PU+A256KW", enc: "A256CBC-HS512" };
const kids = (curve: string, count: number): string[] => Array.from({ length: count }, (_, i) => `did:example:bob#key-${curve}-${i + 1}`);

/** Properties of the encrypted examples according to the appendix, in its order. */
const ENCRYPTED = [
  { encryption: [ANON["xc20p"]], to: kids("x25519", 3) },
  { encryption: [ANON["cbc"]], to: kids("p384", 2) },
  { encryption: [ANON["gcm"]], to: kids("p521", 2) },
  { encryption: [AUTH], to: kids("x25519", 3), from: "key-x25519-1" },
  { encryption: [AUTH], to: kids("p256", 2), from: "key-p256-1", signedBy: "key-1" },
  { encryption: [ANON["xc20p"], AUTH], to: kids("p521", 2), from: "key-p521-1", signedBy: "key-1" },
] as const;

describeUnless(missing, "DIDComm v2, Appendix C", () => {
  const plaintext = isJsonObject(under("C.1.")[0]?.value) ? (under("C.1.")[0]?.value as JsonObject) : {};
  // The plaintext inside the envelopes has another scheme in its type than the one that C.1 shows.
  const expected = (): Message => ({
    ...decodePlaintext(plaintext).message,
    type: "http://example.com/protocols/lets_do_lunch/1.0/proposal",
  });

  it("C.1 is not a secured message", async () => {
    expectCryptoError(await rejectionOf(unpack(JSON.stringify(plaintext), { recipientKey: () => undefined })), "nesting_invalid");
  });

  it("has three signed and six encrypted examples", () => {
    expect(under("C.2")).toHaveLength(3);
    expect(under("C.3")).toHaveLength(ENCRYPTED.length);
  });

  it.each([
    [0, "key-1", "EdDSA"],
    [1, "key-2", "ES256"],
    [2, "key-3", "ES256K"],
  ])("C.2, example %i: signed with %s, %s", async (index, key, signAlg) => {
    const { message, sender, metadata } = await unpack(JSON.stringify(under("C.2")[index]?.value), {
      recipientKey: () => undefined,
      ...keys,
    });
    expect(message).toEqual(expected());
    expect(sender).toBe("did:example:alice");
    expect(metadata).toEqual({
      encrypted: false,
      authenticated: true,
      signed: true,
      anonymousSender: false,
      encryptedToKids: [],
      signFromKid: `did:example:alice#${key}`,
      signAlg,
      encryption: [],
    });
  });

  const examples = ENCRYPTED.flatMap((example, index) =>
    example.to.map(
      (kid) => [index, kid, example.encryption.map((layer) => `${layer?.alg} ${layer?.enc}`).join(" around "), example] as const,
    ),
  );
  it.each(examples)("C.3, example %i, for %s: %s", async (index, kid, _, example) => {
    const { message, sender, metadata } = await unpack(JSON.stringify(under("C.3")[index]?.value), {
      ...keys,
      recipientKey: (asked) => (asked === kid ? secrets.get(kid) : undefined),
    });
    const from = "from" in example ? `did:example:alice#${example.from}` : undefined;
    expect(message).toEqual(expected());
    expect(sender).toBe(from && "did:example:alice");
    expect(metadata.encryption).toEqual(example.encryption);
    expect(metadata.encryptedFromKid).toBe(from);
    expect(metadata.signFromKid).toBe("signedBy" in example ? `did:example:alice#${example.signedBy}` : undefined);
    expect(metadata.anonymousSender).toBe(example.encryption[0]?.alg === "ECDH-ES+A256KW");
    expect(metadata).toMatchObject({ recipientKid: kid, encryptedToKids: example.to });
  });
});

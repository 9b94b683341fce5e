import { createECDH, generateKeyPairSync, type JsonWebKey } from "node:crypto";
import { thrownBy } from "@parley/test-assertions";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeBase58, encodeBase58 } from "../src/base58.ts";
import { encodeBase64url } from "@parley/core/internal";
import { createDidResolver, didKeyDocument, didKeyMethod, findVerificationMethod, publicKeyJwk } from "../src/index.ts";
import { expectDidError, unlessDidError } from "./expect-error.ts";
import { EC, ED25519, SECP256K1, X25519 } from "./vectors.ts";

function keyOf(multibase: string): unknown {
  const document = didKeyDocument(`did:key:${multibase}`);
  const method = document.verificationMethod[0];
  return method === undefined ? undefined : publicKeyJwk(method);
}

describe("did:key", () => {
  it.each(ED25519)("derives the key agreement key of %s", (ed25519, x25519) => {
    const did = `did:key:${ed25519}`;
    const document = didKeyDocument(did);
    expect(document.authentication).toEqual([`${did}#${ed25519}`]);
    expect(document.assertionMethod).toEqual([`${did}#${ed25519}`]);
    expect(document.keyAgreement).toEqual([`${did}#${x25519}`]);
    const signing = findVerificationMethod(document, `#${ed25519}`, "assertionMethod");
    const agreement = findVerificationMethod(document, `${did}#${x25519}`, "keyAgreement");
    expect(signing && publicKeyJwk(signing).crv).toBe("Ed25519");
    expect(agreement && publicKeyJwk(agreement)).toEqual(keyOf(x25519));
    expect(findVerificationMethod(document, `#${x25519}`, "authentication")).toBeUndefined();
  });

  it.each(X25519)("decodes %s for key agreement only", (multibase, base58) => {
    const document = didKeyDocument(`did:key:${multibase}`);
    expect(document.authentication).toEqual([]);
    expect(document.keyAgreement).toEqual([`did:key:${multibase}#${multibase}`]);
    expect(keyOf(multibase)).toEqual({ kty: "OKP", crv: "X25519", x: encodeBase64url(decodeBase58(base58) ?? new Uint8Array()) });
  });

  it.each(EC)("decodes the point of %s", (multibase, crv, x, y) => {
    expect(keyOf(multibase)).toEqual({ kty: "EC", crv, x, y });
  });

  it.each(SECP256K1)("decodes the secp256k1 key of the secret %s", (secret, multibase) => {
    const ecdh = createECDH("secp256k1");
    ecdh.setPrivateKey(secret, "hex");
    const point = ecdh.getPublicKey();
    expect(keyOf(multibase)).toEqual({
      kty: "EC",
      crv: "secp256k1",
      x: point.subarray(1, 33).toString("base64url"),
      y: point.subarray(33).toString("base64url"),
    });
  });

  it.each([
    ["P-256", 0x80],
    ["P-384", 0x81],
    ["P-521", 0x82],
  ] as const)("agrees with OpenSSL on fresh points of %s", (namedCurve, prefix) => {
    for (let i = 0; i < 8; i += 1) {
      const { publicKey } = generateKeyPairSync("ec", {
        namedCurve,
        publicKeyEncoding: { format: "jwk" },
        privateKeyEncoding: { format: "jwk" },
      } as never) as unknown as { publicKey: JsonWebKey };
      const [x, y] = [Buffer.from(publicKey.x ?? "", "base64url"), Buffer.from(publicKey.y ?? "", "base64url")];
      const multibase = `z${encodeBase58(Uint8Array.from([prefix, 0x24, 2 + ((y.at(-1) ?? 0) & 1), ...x]))}`;
      expect(keyOf(multibase)).toEqual({ kty: "EC", crv: namedCurve, x: publicKey.x, y: publicKey.y });
    }
  });

  const multikey = (...bytes: number[]): string => `z${encodeBase58(Uint8Array.from(bytes))}`;
  const zeros = (count: number): number[] => Array<number>(count).fill(0);
  it.each([
    ["another method", "did:web:example.com"],
    ["a DID URL", "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp#x"],
    ["no multibase", "did:key:6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp"],
    ["base64url", `did:key:u${encodeBase64url(Uint8Array.from([0xed, 1, ...zeros(32)]))}`],
    ["a character that base58 lacks", "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDoo0p"],
    ["nothing", "did:key:z"],
    ["an unknown codec", `did:key:${multikey(0x12, 0x05, ...zeros(32))}`],
    ["a short key", `did:key:${multikey(0xed, 1, ...zeros(31))}`],
    ["a long key", `did:key:${multikey(0xec, 1, ...zeros(33))}`],
    ["no point of Ed25519", `did:key:${multikey(0xed, 1, 2, ...zeros(31))}`],
    ["the neutral point of Ed25519", `did:key:${multikey(0xed, 1, 1, ...zeros(31))}`],
    ["an uncompressed point", `did:key:${multikey(0x80, 0x24, 4, ...zeros(64))}`],
    ["no point of P-256", `did:key:${multikey(0x80, 0x24, 2, ...Array<number>(32).fill(0xff))}`],
    ["a huge key", `did:key:z${"6".repeat(2000)}`],
  ])("rejects %s", (_, did) => {
    expectDidError(
      thrownBy(() => didKeyDocument(did)),
      "did_invalid",
    );
  });

  it("throws only DidErrors", () => {
    const bytes = fc.tuple(fc.constantFrom([0xed, 1], [0xec, 1], [0x80, 0x24], [0xe7, 1]), fc.uint8Array({ maxLength: 40 }));
    const multibase = fc.oneof(
      fc.string(),
      bytes.map(([codec, key]) => multikey(...codec, ...key)),
    );
    fc.assert(
      fc.property(multibase, (text) => {
        const document = unlessDidError(() => didKeyDocument(`did:key:${text}`));
        for (const method of document?.verificationMethod ?? []) expect(publicKeyJwk(method).x).toBeTypeOf("string");
      }),
    );
  });

  it("is a method of did-resolver", async () => {
    const resolver = createDidResolver({ methods: didKeyMethod() });
    const did = "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp";
    expect(await resolver.resolve(did)).toEqual(didKeyDocument(did));
  });
});

describe("base58btc", () => {
  it("round-trips", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        expect(decodeBase58(encodeBase58(bytes))).toEqual(bytes);
      }),
    );
  });

  it("has one encoding per byte string", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 40 }), (text) => {
        const base58 = decodeBase58(text);
        expect(base58 === undefined ? text : encodeBase58(base58)).toBe(text);
      }),
    );
  });

  it("encodes the examples of the specification", () => {
    expect(encodeBase58(new TextEncoder().encode("Hello World!"))).toBe("2NEpo7TZRRrLZSi2U");
    expect(encodeBase58(Uint8Array.from([0, 0, 0x28, 0x7f, 0xb4, 0xcd]))).toBe("11233QC4");
  });
});

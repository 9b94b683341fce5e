import { createECDH } from "node:crypto";
import { thrownBy } from "@parley/test-assertions";
import { base58 } from "@scure/base";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  didcommEndpoints,
  findVerificationMethod,
  parseDidDocument,
  publicKeyJwk,
  verificationMethodsOf,
  type DidErrorCode,
} from "../src/index.ts";
import { expectDidError, unlessDidError } from "./expect-error.ts";
import { EC, ED25519, SECP256K1, X25519 } from "./vectors.ts";

const did = "did:web:example.com:a";
const jwk = { kty: "OKP", crv: "Ed25519", x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" };
const method = { id: `${did}#1`, type: "JsonWebKey2020", controller: did, publicKeyJwk: jwk };
const service = { id: "#s", type: "DIDCommMessaging", serviceEndpoint: { uri: "https://example.com/didcomm", accept: ["didcomm/v2"] } };
const nested = (depth: number): unknown => JSON.parse(`${"[".repeat(depth)}${"]".repeat(depth)}`);

describe("parseDidDocument", () => {
  it("normalizes a document: absolute ids, no embedded methods, no unknown members", () => {
    const document = parseDidDocument(
      {
        "@context": ["https://www.w3.org/ns/did/v1"],
        id: did,
        controller: "did:example:boss",
        alsoKnownAs: ["https://example.com/a"],
        verificationMethod: [{ ...method, id: "#1", unknown: true }],
        authentication: ["#1", { ...method, id: "#2" }],
        assertionMethod: [`${did}#1`, "did:example:other#key"],
        service: [service],
        unknown: 1,
      },
      did,
    );
    expect(document).toEqual({
      id: did,
      controller: ["did:example:boss"],
      alsoKnownAs: ["https://example.com/a"],
      verificationMethod: [method, { ...method, id: `${did}#2` }],
      authentication: [`${did}#1`, `${did}#2`],
      assertionMethod: [`${did}#1`, "did:example:other#key"],
      keyAgreement: [],
      capabilityInvocation: [],
      capabilityDelegation: [],
      service: [{ ...service, id: `${did}#s` }],
    });
    expect(parseDidDocument(document, did)).toEqual(document);
  });

  it("omits methods with the id of another DID", () => {
    const theirs = "did:web:victim.example#1";
    const document = parseDidDocument({ id: did, verificationMethod: [{ ...method, id: theirs }], authentication: [theirs] }, did);
    expect(document.verificationMethod).toEqual([]);
    expect(findVerificationMethod(document, theirs, "authentication")).toBeUndefined();
  });

  it.each<[string, unknown, DidErrorCode]>([
    ["null", null, "document_invalid"],
    ["a list", [], "document_invalid"],
    ["no id", {}, "document_invalid"],
    ["another id", { id: "did:web:example.com" }, "document_invalid"],
    ["an id in capitals", { id: "did:web:Example.com:a" }, "document_invalid"],
    ["a list of ids", { id: [did] }, "document_invalid"],
    ["methods that are not a list", { id: did, verificationMethod: {} }, "document_invalid"],
    ["a method that is a text", { id: did, verificationMethod: ["#1"] }, "document_invalid"],
    ["a method without id", { id: did, verificationMethod: [{ ...method, id: undefined }] }, "document_invalid"],
    ["a method without type", { id: did, verificationMethod: [{ ...method, type: 1 }] }, "document_invalid"],
    ["a method whose controller is not a DID", { id: did, verificationMethod: [{ ...method, controller: "me" }] }, "document_invalid"],
    ["one id twice", { id: did, verificationMethod: [method, { ...method, id: "#1" }] }, "document_invalid"],
    ["one id twice, embedded", { id: did, verificationMethod: [method], keyAgreement: [method] }, "document_invalid"],
    ["a private key", { id: did, verificationMethod: [{ ...method, publicKeyJwk: { ...jwk, d: "AA" } }] }, "document_invalid"],
    ["a JWK that is a text", { id: did, verificationMethod: [{ ...method, publicKeyJwk: "x" }] }, "document_invalid"],
    ["a multibase that is a number", { id: did, verificationMethod: [{ ...method, publicKeyMultibase: 1 }] }, "document_invalid"],
    ["a relationship with numbers", { id: did, authentication: [1] }, "document_invalid"],
    ["a controller that is not a DID", { id: did, controller: "x" }, "document_invalid"],
    ["a service without endpoint", { id: did, service: [{ id: "#s", type: "x" }] }, "document_invalid"],
    ["an endpoint within two lists", { id: did, service: [{ ...service, serviceEndpoint: [["https://a"]] }] }, "document_invalid"],
    [
      "10,000 methods",
      { id: did, verificationMethod: Array.from({ length: 10_000 }, (_, i) => ({ ...method, id: `#${i}` })) },
      "too_large",
    ],
    ["65 methods, embedded", { id: did, authentication: Array.from({ length: 65 }, (_, i) => ({ ...method, id: `#${i}` })) }, "too_large"],
    [
      "65 methods over two relationships",
      {
        id: did,
        authentication: Array.from({ length: 33 }, (_, i) => ({ ...method, id: `#a${i}` })),
        keyAgreement: Array.from({ length: 33 }, (_, i) => ({ ...method, id: `#b${i}` })),
      },
      "too_large",
    ],
    ["10,000 references", { id: did, keyAgreement: Array<string>(10_000).fill("#1") }, "too_large"],
    ["33 services", { id: did, service: Array.from({ length: 33 }, () => service) }, "too_large"],
    ["33 endpoints", { id: did, service: [{ ...service, serviceEndpoint: Array(33).fill("https://a") }] }, "too_large"],
    ["a long text", { id: did, alsoKnownAs: ["x".repeat(2049)] }, "too_large"],
    ["a deep endpoint", { id: did, service: [{ ...service, serviceEndpoint: { uri: nested(20_000) } }] }, "too_large"],
    ["a deep JWK", { id: did, verificationMethod: [{ ...method, publicKeyJwk: { ...jwk, more: nested(7) } }] }, "too_large"],
  ])("rejects %s", (_, value, code) => {
    expectDidError(
      thrownBy(() => parseDidDocument(value, did)),
      code,
    );
  });

  it("treats __proto__ and similar names as ordinary members", () => {
    const hostile: unknown = JSON.parse(
      `{"__proto__":{"id":"${did}","authentication":["#1"]},"id":"${did}","constructor":{"prototype":{"x":1}},
        "service":[{"id":"#s","type":"DIDCommMessaging","serviceEndpoint":{"__proto__":{"uri":"https://evil.example"}}}]}`,
    );
    const document = parseDidDocument(hostile, did);
    expect(document.authentication).toEqual([]);
    expect(didcommEndpoints(document)).toEqual([]);
    expect(({} as Record<string, unknown>)["x"]).toBeUndefined();
    const inherited: unknown = JSON.parse(`{"__proto__":{"id":"${did}"}}`);
    expectDidError(
      thrownBy(() => parseDidDocument(inherited, did)),
      "document_invalid",
    );
  });

  it("returns a document that parses to itself, or throws a DidError", () => {
    const json = fc.jsonValue({ maxDepth: 3 });
    const id = fc.constantFrom("#1", "#2", `${did}#1`, "did:a:b#1", "x");
    const entry = fc.oneof(id, json, fc.record({ id, type: fc.constantFrom("Multikey", ""), controller: fc.constantFrom(did, "x") }));
    const list = fc.oneof(fc.array(entry, { maxLength: 3 }), json);
    const value = fc.record(
      { id: fc.constant(did), verificationMethod: list, authentication: list, service: list, controller: json, alsoKnownAs: list },
      { requiredKeys: ["id"] },
    );
    fc.assert(
      fc.property(value, (written) => {
        const document = unlessDidError(() => parseDidDocument(JSON.parse(JSON.stringify(written)), did));
        if (document === undefined) return;
        const { verificationMethod } = document;
        for (const found of verificationMethod)
          expectDidError(
            thrownBy(() => publicKeyJwk(found)),
            "key_unsupported",
          );
        expect(didcommEndpoints(document)).toBeInstanceOf(Array);
        expect(parseDidDocument(document, did)).toEqual(document);
      }),
    );
  });
});

describe("verification methods", () => {
  const document = parseDidDocument(
    {
      id: did,
      verificationMethod: [method, { ...method, id: "#2" }],
      authentication: ["#2", "#1"],
      keyAgreement: ["#2", "#missing", "did:example:b#1"],
    },
    did,
  );

  it.each([
    ["#1", undefined, `${did}#1`],
    [`${did}#2`, undefined, `${did}#2`],
    ["#1", "authentication", `${did}#1`],
    ["#1", "keyAgreement", undefined],
    ["#missing", "keyAgreement", undefined],
    ["did:example:b#1", "keyAgreement", undefined],
    ["1", undefined, undefined],
  ] as const)("finds %s for %s", (id, relationship, found) => {
    expect(findVerificationMethod(document, id, relationship)?.id).toBe(found);
  });

  it("are returned in the order of the relationship", () => {
    expect(verificationMethodsOf(document, "authentication").map(({ id }) => id)).toEqual([`${did}#2`, `${did}#1`]);
    expect(verificationMethodsOf(document, "keyAgreement").map(({ id }) => id)).toEqual([`${did}#2`]);
  });
});

describe("publicKeyJwk", () => {
  const [ed25519, x25519] = ED25519[0] ?? ["", ""];
  const [x25519Multibase, x25519Base58] = X25519[0] ?? ["", ""];
  const [p256, , x = "", y = ""] = EC[0] ?? ["", ""];
  const ec = { kty: "EC", crv: "P-256", x, y };
  const p256Point = Buffer.concat([Buffer.of(4), Buffer.from(x, "base64url"), Buffer.from(y, "base64url")]);
  const of = (type: string, key: object): unknown => publicKeyJwk({ id: "#1", controller: did, type, ...key });

  it("decodes every type to a JWK with required members only", () => {
    expect(of("JsonWebKey2020", { publicKeyJwk: { ...jwk, kid: "1", alg: "EdDSA" } })).toEqual(jwk);
    expect(of("JsonWebKey", { publicKeyJwk: ec })).toEqual(ec);
    expect(of("Multikey", { publicKeyMultibase: p256 })).toEqual(ec);
    expect(of("Ed25519VerificationKey2020", { publicKeyMultibase: ed25519 })).toMatchObject({ crv: "Ed25519" });
    expect(of("X25519KeyAgreementKey2020", { publicKeyMultibase: x25519 })).toMatchObject({ crv: "X25519" });
    expect(of("X25519KeyAgreementKey2019", { publicKeyBase58: x25519Base58 })).toEqual(
      of("Multikey", { publicKeyMultibase: x25519Multibase }),
    );
    expect(of("Ed25519VerificationKey2018", { publicKeyBase58: "4zvwRjXUKGfvwnParsHAS3HuSVzV5cA4McphgmoCtajS" })).toEqual(
      of("Multikey", { publicKeyMultibase: ed25519 }),
    );
  });

  it.each([
    ["EcdsaSecp256k1VerificationKey2019", "secp256k1"],
    ["EcdsaSecp256r1VerificationKey2019", "P-256"],
  ])("decodes %s in each of its encodings", (type, curve) => {
    const [secret = "", multibase = ""] = curve === "secp256k1" ? (SECP256K1[0] ?? []) : ["", p256];
    const compressed = base58.decode(multibase.slice(1)).subarray(2);
    const uncompressed = curve === "secp256k1" ? secp256k1PointOf(secret) : p256Point;
    const coordinate = (from: number): string => uncompressed.subarray(from, from + 32).toString("base64url");
    const expected = { kty: "EC", crv: curve, x: coordinate(1), y: coordinate(33) };
    for (const key of [
      { publicKeyJwk: { ...expected, kid: "1" } },
      { publicKeyMultibase: multibase },
      { publicKeyBase58: base58.encode(compressed) },
      { publicKeyHex: Buffer.from(compressed).toString("hex") },
      { publicKeyHex: uncompressed.toString("hex").toUpperCase() },
    ]) {
      expect(of(type, key)).toEqual(expected);
      const method = { id: "#1", type, controller: did, ...key };
      const [parsed] = parseDidDocument({ id: did, verificationMethod: [method] }, did).verificationMethod;
      expect(parsed && publicKeyJwk(parsed)).toEqual(expected);
    }
  });

  it.each<[string, string, object]>([
    ["an unknown type", "Bls12381G2Key2020", { publicKeyBase58: "1" }],
    ["a type whose member is missing", "Multikey", { publicKeyJwk: jwk }],
    ["a type whose member is missing", "JsonWebKey2020", { publicKeyMultibase: ed25519 }],
    ["the wrong curve for its type", "Ed25519VerificationKey2020", { publicKeyMultibase: x25519 }],
    ["the wrong curve for its type", "X25519KeyAgreementKey2020", { publicKeyMultibase: ed25519 }],
    ["a short base58 key", "Ed25519VerificationKey2018", { publicKeyBase58: "4zvwRjXUKGfvwnParsHAS3HuSVzV5cA4Mcphgmo" }],
    ["a huge base58 key", "Ed25519VerificationKey2018", { publicKeyBase58: "4".repeat(2000) }],
    ["a short hexadecimal key", "EcdsaSecp256k1VerificationKey2019", { publicKeyHex: "02".repeat(32) }],
    ["a huge hexadecimal key", "EcdsaSecp256k1VerificationKey2019", { publicKeyHex: "02".repeat(500_000) }],
    ["a hexadecimal key with 0x", "EcdsaSecp256k1VerificationKey2019", { publicKeyHex: `0x${"02".repeat(33)}` }],
    ["an address instead of a key", "EcdsaSecp256k1VerificationKey2019", { blockchainAccountId: "eip155:1:0x89a9" }],
    ["keys in two encodings", "Ed25519VerificationKey2018", { publicKeyJwk: jwk, publicKeyMultibase: ed25519 }],
    ["a symmetric key", "JsonWebKey2020", { publicKeyJwk: { kty: "oct", k: "AA" } }],
    ["an RSA key", "JsonWebKey2020", { publicKeyJwk: { kty: "RSA", n: "AA", e: "AQAB" } }],
    ["a private key", "JsonWebKey2020", { publicKeyJwk: { ...jwk, d: jwk.x } }],
    ["a curve of the other kind", "JsonWebKey2020", { publicKeyJwk: { ...jwk, crv: "P-256" } }],
    ["a curve named like a member of objects", "JsonWebKey2020", { publicKeyJwk: { ...ec, crv: "constructor" } }],
    ["a short coordinate", "JsonWebKey2020", { publicKeyJwk: { ...jwk, x: "AAAA" } }],
    ["padding", "JsonWebKey2020", { publicKeyJwk: { ...jwk, x: `${jwk.x}=` } }],
    ["no y", "JsonWebKey2020", { publicKeyJwk: { ...ec, y: undefined } }],
    ["a point off the curve", "JsonWebKey2020", { publicKeyJwk: { ...ec, y: x } }],
    ["a point of another curve", "JsonWebKey2020", { publicKeyJwk: { ...ec, crv: "secp256k1" } }],
  ])("rejects %s", (_, type, key) => {
    expectDidError(
      thrownBy(() => of(type, key)),
      "key_unsupported",
    );
  });
});

function secp256k1PointOf(secret: string): Buffer {
  const ecdh = createECDH("secp256k1");
  ecdh.setPrivateKey(secret, "hex");
  return ecdh.getPublicKey();
}

describe("didcommEndpoints", () => {
  const endpointsOf = (...services: object[]): unknown => didcommEndpoints(parseDidDocument({ id: did, service: services }, did));
  const uri = "https://example.com/didcomm";

  it.each<[string, unknown, unknown[]]>([
    [
      "an object",
      { uri, accept: ["didcomm/v2"], routingKeys: ["did:a:b#c"] },
      [{ uri, accept: ["didcomm/v2"], routingKeys: ["did:a:b#c"] }],
    ],
    ["a list", [{ uri }, "wss://example.com", { uri: "did:example:mediator" }], [uri, "wss://example.com", "did:example:mediator"]],
    ["a text", uri, [uri]],
    [
      "what can't be read, which is left out",
      [
        { uri: 1 },
        { uri, accept: "x" },
        { uri, routingKeys: [1] },
        { uri, routingKeys: Array(17).fill("did:a:b#c") },
        { uri: `https://a/${"a".repeat(2040)}` },
        "file:///etc/passwd",
        "x",
        { uri },
      ],
      [uri],
    ],
  ])("reads %s", (_, serviceEndpoint, expected) => {
    const filled = expected.map((entry) => (typeof entry === "string" ? { uri: entry, accept: [], routingKeys: [] } : entry));
    expect(endpointsOf({ ...service, serviceEndpoint })).toEqual(filled);
  });

  it("uses DIDCommMessaging services only", () => {
    expect(endpointsOf({ ...service, type: "LinkedDomains" }, { ...service, type: ["X", "DIDCommMessaging"] })).toHaveLength(1);
  });
});

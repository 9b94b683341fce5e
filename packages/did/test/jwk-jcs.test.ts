import { generateKeyPairSync, type JsonWebKey } from "node:crypto";
import { thrownBy } from "@parley/test-assertions";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeBase58 } from "../src/base58.ts";
import { createDidResolver, didKeyDocument, didKeyMethod, findVerificationMethod, publicKeyJwk } from "../src/index.ts";
import { expectDidError, unlessDidError } from "./expect-error.ts";

/** DIDs of wallets and of EBSI's documents, with the coordinates that they publish where they do. */
const WALLETS: readonly [multibase: string, x?: string, y?: string][] = [
  [
    "z2dmzD81cgPx8Vki7JbuuMmFYrWPgYoytykUZ3eyqht1j9KbsEYvdrjxMjQ4tpnje9BDBTzuNDP3knn6qLZErzd4bJ5go2CChoPjd5GAH3zpFJP5fuwSk66U5Pq6EhF4nKnHzDnznEP8fX99nZGgwbAh1o7Gj1X52Tdhf7U4KTk66xsA5r",
    "ngy44T1vxAT6Di4nr-UaM9K3Tlnz9pkoksDokKFkmNc",
    "QCRfOKlSM31GTkb4JHx3nXB4G_jSPMsbdjzlkT_UpPc",
  ],
  [
    "z2dmzD81cgPx8Vki7JbuuMmFYrWPgYoytykUZ3eyqht1j9KbqfP8PC5rxKQNVsWdUfonBBcEisrMdFZ8iAMi9FLEFnWmKZamRQioiqxc7KRwYDbTMgvfJN6gcoB4XM6R83whvnb7kehnCEDCr5ce6FSdehHd1uBYSZTrGsN5tmDuDciBzL",
    "ZCxAyldWT7bLzYB9PiuSu0SDbKtVYvt-cqgneoh4vvw",
    "FgznAd76v49x8HgST76gLqPRWrRSKPa07d0dQAqdoG4",
  ],
  [
    "z2dmzD81cgPx8Vki7JbuuMmFYrWPgYoytykUZ3eyqht1j9KbnUYrszwPktqhonAPmKPuyZatC7T9662ow4eJNGWRAS7m44sNbxjsHfLvzN8Gw9ZHqPfy3iuSHLVUsEeWWvjj7LCEoYNDPZVBN2TU6SeTjs3yXkSPtDKeVG7qfzfr3bgZKr",
  ],
  [
    "z2dmzD81cgPx8Vki7JbuuMmFYrWPgYoytykUZ3eyqht1j9KbnPqt55NG29q8Re1ZVdg7X8RpqraEb9YaMyypYLzMyvre78pJ3Mz1GeN71YL1GBvwtNu5KtoDeT6D51hAY2VMemiqDihyqnTGHosBNRykPCYtLe8XiHfWFWMdc3XRvyeWXv",
  ],
  [
    "z2dmzD81cgPx8Vki7JbuuMmFYrWPgYoytykUZ3eyqht1j9Kboj7g9PfXJxbbs4KYegyr7ELnFVnpDMzbJJDDNZjavX6jvtDmALMbXAGW67pdTgFea2FrGGSFs8Ejxi96oFLGHcL4P6bjLDPBJEvRRHSrG4LsPne52fczt2MWjHLLJBvhAC",
  ],
];

const PREFIX = [0xd1, 0xd6, 0x03];

function didOfBytes(bytes: Uint8Array): string {
  return `did:key:z${encodeBase58(Uint8Array.of(...PREFIX, ...bytes))}`;
}

function didOf(json: string): string {
  return didOfBytes(new TextEncoder().encode(json));
}

function jwkOf(curve: string): JsonWebKey {
  const encodings = { publicKeyEncoding: { format: "jwk" }, privateKeyEncoding: { format: "jwk" } };
  const pair: unknown = ["Ed25519", "X25519"].includes(curve)
    ? generateKeyPairSync(curve.toLowerCase() as "ed25519", encodings as never)
    : generateKeyPairSync("ec", { namedCurve: curve, ...encodings } as never);
  return (pair as { publicKey: JsonWebKey }).publicKey;
}

const canonical = ({ crv, kty, x, y }: JsonWebKey): string => JSON.stringify({ crv, kty, x, y });
const p256 = jwkOf("P-256");

describe("did:key with a canonical JWK", () => {
  it.each(WALLETS)("reads %s", async (multibase, x, y) => {
    const did = `did:key:${multibase}`;
    const document = await createDidResolver({ methods: didKeyMethod() }).resolve(did);
    const method = findVerificationMethod(document, `${did}#${multibase}`, "assertionMethod");
    expect(method).toMatchObject({ type: "JsonWebKey2020", controller: did });
    const jwk = method && publicKeyJwk(method);
    expect(jwk).toMatchObject({ kty: "EC", crv: "P-256" });
    expect(jwk).toMatchObject({ ...(x !== undefined && { x }), ...(y !== undefined && { y }) });
    expect(document.authentication).toEqual([`${did}#${multibase}`]);
  });

  it.each([
    ["Ed25519", true, false],
    ["X25519", false, true],
    ["P-256", true, true],
    ["P-384", true, true],
    ["P-521", true, true],
    ["secp256k1", true, true],
  ])("decodes keys of %s for the purposes that they support", (curve, signs, agrees) => {
    const jwk = jwkOf(curve);
    const did = didOf(canonical(jwk));
    const { verificationMethod, authentication, assertionMethod, keyAgreement } = didKeyDocument(did);
    const id = `${did}#${did.slice("did:key:".length)}`;
    expect(verificationMethod).toEqual([{ id, type: "JsonWebKey2020", controller: did, publicKeyJwk: jwk }]);
    expect([authentication, assertionMethod]).toEqual(signs ? [[id], [id]] : [[], []]);
    expect(keyAgreement).toEqual(agrees ? [id] : []);
  });

  it.each<[string, string]>([
    ["members in another order", JSON.stringify({ kty: p256.kty, crv: p256.crv, x: p256.x, y: p256.y })],
    ["white space", canonical(p256).replaceAll(",", ", ")],
    ["an escape", canonical(p256).replace("P-256", "\\u0050-256")],
    ["a member twice", canonical(p256).replace("{", '{"crv":"P-256",')],
    ["a further member", JSON.stringify({ alg: "ES256", crv: p256.crv, kty: p256.kty, x: p256.x, y: p256.y })],
    ["a private key", JSON.stringify({ crv: p256.crv, d: p256.x, kty: p256.kty, x: p256.x, y: p256.y })],
    ["no y", JSON.stringify({ crv: p256.crv, kty: p256.kty, x: p256.x })],
    ["a point off its curve", canonical({ ...p256, y: p256.x ?? "" })],
    ["a coordinate with padding", canonical({ ...p256, x: `${p256.x}=` })],
    ["a coordinate that is short", canonical({ ...p256, x: "AA" })],
    ["another curve", canonical({ ...p256, crv: "P-384" })],
    ["a curve that isn't known", canonical({ ...p256, crv: "P-192" })],
    ["RSA", JSON.stringify({ e: "AQAB", kty: "RSA", n: "AQAB" })],
    ["a list", "[]"],
    ["no JSON", "hello"],
    ["nothing", ""],
    ["JSON that is too long", canonical({ ...p256, x: "A".repeat(1000) })],
    ["deep nesting", "[".repeat(300)],
  ])("is rejected with %s", (_, json) => {
    expectDidError(
      thrownBy(() => didKeyDocument(didOf(json))),
      "did_invalid",
    );
  });

  it("is rejected with a byte order mark, and with bytes that are not UTF-8", () => {
    const text = new TextEncoder().encode(canonical(p256));
    for (const bytes of [Uint8Array.of(0xef, 0xbb, 0xbf, ...text), Uint8Array.of(...text, 0xff)]) {
      expectDidError(
        thrownBy(() => didKeyDocument(didOfBytes(bytes))),
        "did_invalid",
      );
    }
  });

  it("has one DID per key, for any change to the text", () => {
    const text = new TextEncoder().encode(canonical(p256));
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.nat(255), (at, byte) => {
        const bytes = Uint8Array.from(text, (original, i) => (i === at ? byte : original));
        const document = unlessDidError(() => didKeyDocument(didOfBytes(bytes)));
        const same = document?.verificationMethod.some(({ publicKeyJwk: jwk }) => jwk?.["x"] === p256.x && jwk?.["y"] === p256.y) ?? false;
        expect(same).toBe(byte === text[at]);
      }),
    );
  });
});

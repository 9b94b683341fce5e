import { describe, expect, it } from "vitest";
import { unpack, type DidcommCryptoErrorCode } from "../src/index.ts";
import { toBase64url } from "./forge.ts";
import { alice, bob, bobReads, expectRefusal, forgeAuth, from, plaintext, to } from "./scenario.ts";

describe("the envelope", () => {
  const member =
    (name: string, value: unknown) =>
    (envelope: Record<string, unknown>): void => {
      envelope[name] = value;
    };
  const recipient = (members: Record<string, unknown>) => (envelope: Record<string, unknown>) => {
    const [first] = envelope["recipients"] as Record<string, unknown>[];
    envelope["recipients"] = [{ ...first, ...members }];
  };

  it.each<[string, (envelope: Record<string, unknown>) => void, DidcommCryptoErrorCode]>([
    ["an unprotected header", member("unprotected", { alg: "none" }), "header_unsupported"],
    ["an empty unprotected header", member("unprotected", {}), "header_unsupported"],
    ["aad", member("aad", "AA"), "header_unsupported"],
    ["alg in a recipient's header", recipient({ header: { kid: to.kid, alg: "ECDH-1PU+A256KW" } }), "header_unsupported"],
    ["epk in a recipient's header", recipient({ header: { kid: to.kid, epk: from.publicKey } }), "header_unsupported"],
    ["a recipient without header", recipient({ header: undefined }), "kid_invalid"],
    ["a recipient without kid", recipient({ header: {} }), "kid_invalid"],
    ["a kid that is a number", recipient({ header: { kid: 1 } }), "kid_invalid"],
    ["a relative kid", recipient({ header: { kid: "#x25519-1" } }), "kid_invalid"],
    ["a kid that is a DID", recipient({ header: { kid: bob.did } }), "kid_invalid"],
    ["a kid with a query", recipient({ header: { kid: `${bob.did}?a=b#x25519-1` } }), "kid_invalid"],
    ["a kid with a path, and no fragment", recipient({ header: { kid: `${bob.did}/x25519-1` } }), "kid_invalid"],
    ["a kid with a blank", recipient({ header: { kid: `${bob.did}# x` } }), "kid_invalid"],
    ["a long kid", recipient({ header: { kid: `${bob.did}#${"x".repeat(2048)}` } }), "kid_invalid"],
    ["a header that is a list", recipient({ header: [] }), "envelope_invalid"],
    ["no encrypted key", recipient({ encrypted_key: undefined }), "envelope_invalid"],
    ["a short encrypted key", recipient({ encrypted_key: "AAAA" }), "envelope_invalid"],
    ["an encrypted key for another enc", recipient({ encrypted_key: toBase64url(Buffer.alloc(40)) }), "envelope_invalid"],
    ["no recipients", member("recipients", []), "envelope_invalid"],
    ["recipients that are an object", member("recipients", {}), "envelope_invalid"],
    ["a recipient that is a text", member("recipients", [to.kid]), "envelope_invalid"],
    ["both serialisations", member("encrypted_key", "AA"), "header_unsupported"],
    ["no protected header", member("protected", undefined), "envelope_invalid"],
    ["a protected header that is an object", member("protected", {}), "envelope_invalid"],
    ["a protected header with padding", member("protected", "e30="), "envelope_invalid"],
    ["a protected header that is a list", member("protected", toBase64url("[]")), "envelope_invalid"],
    ["a protected header that is not JSON", member("protected", toBase64url("{")), "envelope_invalid"],
    ["a protected header that is not UTF-8", member("protected", "_w"), "envelope_invalid"],
    ["a member twice in the protected header", member("protected", toBase64url('{"alg":"none","alg":"dir"}')), "envelope_invalid"],
    ["no iv", member("iv", undefined), "envelope_invalid"],
    ["an iv for another enc", member("iv", toBase64url(Buffer.alloc(12))), "envelope_invalid"],
    ["no tag", member("tag", undefined), "envelope_invalid"],
    ["a tag cut short", member("tag", toBase64url(Buffer.alloc(16))), "envelope_invalid"],
    ["an empty tag", member("tag", ""), "envelope_invalid"],
    ["a ciphertext in base64", member("ciphertext", "+/+/"), "envelope_invalid"],
    ["a ciphertext that is a number", member("ciphertext", 1), "envelope_invalid"],
    ["an empty ciphertext", member("ciphertext", ""), "decryption_failed"],
    ["an all-zero encrypted key", recipient({ encrypted_key: toBase64url(Buffer.alloc(72)) }), "decryption_failed"],
    ["an all-zero tag", member("tag", toBase64url(Buffer.alloc(32))), "decryption_failed"],
    ["both a ciphertext and a payload", member("payload", "AA"), "envelope_invalid"],
  ])("is rejected with %s", async (_, tamper, code) => {
    await expectRefusal(forgeAuth({ tamper }), code);
  });

  it.each<[string, string | Uint8Array, DidcommCryptoErrorCode]>([
    ["nothing", "", "envelope_invalid"],
    ["null", "null", "envelope_invalid"],
    ["a list", "[]", "envelope_invalid"],
    ["a compact JWE", "e30.AA.AA.AA.AA", "envelope_invalid"],
    ["bytes that are not UTF-8", Uint8Array.of(0x7b, 0xff, 0x7d), "envelope_invalid"],
    ["a byte order mark", Buffer.from("\uFEFF{}"), "envelope_invalid"],
    ["no members", "{}", "nesting_invalid"],
    ["a plaintext", JSON.stringify(plaintext), "nesting_invalid"],
    ["a member twice", `{"ciphertext":"AA",${forgeAuth({}).slice(1)}`, "envelope_invalid"],
    ["a member twice, spelt differently", `{"\\u0069v":"AA",${forgeAuth({}).slice(1)}`, "envelope_invalid"],
    ["something behind it", `${forgeAuth({})}{}`, "envelope_invalid"],
  ])("is rejected if it is %s", async (_, text, code) => {
    await expectRefusal(text, code);
  });

  it("is accepted in both JSON serializations, as bytes, and with unknown members", async () => {
    const flattened = forgeAuth({
      tamper: (envelope) => {
        const [entry] = envelope["recipients"] as Record<string, unknown>[];
        delete envelope["recipients"];
        Object.assign(envelope, entry, { unknown: { a: 1 } });
      },
    });
    expect((await unpack(Buffer.from(flattened), bobReads)).sender).toBe(alice.did);
  });
});

import { createCipheriv, createHmac } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DidcommCryptoError, pack, unpack, type DidcommCryptoErrorCode, type UnpackLimits } from "../src/index.ts";
import { gateOrSoak, rejectionOf } from "@parley/test-assertions";
import { expectCryptoError } from "./expect-error.ts";
import { forge, forgeSigned, toBase64url, type ForgeOptions } from "./forge.ts";
import { alice, bob, bobReads, expectRefusal, forgeAuth, from, plaintext, to } from "./scenario.ts";

const LOW_ORDER = { kty: "OKP", crv: "X25519", x: "A".repeat(43) };

/** With a tag that is right, and a padding that is not. */
const sealBadlyPadded: NonNullable<ForgeOptions["seal"]> = (input, plaintext) => {
  const cipher = createCipheriv("aes-256-cbc", input.key.subarray(32), input.iv).setAutoPadding(false);
  const ciphertext = cipher.update(Buffer.concat([plaintext, Buffer.alloc(16 - (plaintext.length % 16), 17)]));
  return { ciphertext, tag: tagOf(input, ciphertext) };
};

/** RFC 7518, section 5.2.2.1. */
function tagOf({ key, iv, aad }: Parameters<typeof sealBadlyPadded>[0], ciphertext: Uint8Array): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64BE(BigInt(aad.length) * 8n);
  return createHmac("sha512", key.subarray(0, 32))
    .update(Buffer.concat([aad, iv, ciphertext, length]))
    .digest()
    .subarray(0, 32);
}

const MEGABYTE = 1024 * 1024;
const text = forgeAuth({});

/** Where a part of the envelope stands in its text. */
function placeOf(part: string): [start: number, end: number] {
  const envelope = JSON.parse(text) as Record<string, unknown>;
  const [recipient] = envelope["recipients"] as { encrypted_key: string }[];
  const value = part === "encrypted_key" ? recipient?.encrypted_key : envelope[part];
  const start = text.indexOf(String(value));
  return [start, start + String(value).length];
}

describe("a message above a limit", () => {
  const second = bob.keys.get(`${bob.did}#x25519-2`) ?? to;
  const twoRecipients = pack(JSON.stringify(plaintext), { from, to: [to, second] });

  it.each<[string, () => string | Uint8Array, DidcommCryptoErrorCode]>([
    ["10 MB of anything", () => "x".repeat(10 * MEGABYTE), "too_large"],
    ["10 MB of bytes", () => new Uint8Array(10 * MEGABYTE), "too_large"],
    ["a protected header of 3 MB", () => text.replace('"protected":"', `"protected":"${"A".repeat(3 * MEGABYTE)}`), "too_large"],
    [
      "a signed header of 3 MB",
      () => forgeSigned(plaintext, alice.key("Ed25519")).replace('"protected":"', `$&${"A".repeat(3 * MEGABYTE)}`),
      "too_large",
    ],
    ["arrays that open for 3 MB", () => "[".repeat(3 * MEGABYTE), "too_large"],
    ["objects that open for 3 MB", () => '{"a":'.repeat(MEGABYTE / 2), "too_large"],
    ["deep JSON in an unknown member", () => text.replace("{", `{"x":${"[".repeat(100)}${"]".repeat(100)},`), "too_large"],
    [
      "a deep protected header",
      () => text.replace(/"protected":"[^"]*"/, `"protected":"${toBase64url('{"a":'.repeat(1000))}"`),
      "too_large",
    ],
    ["a deep plaintext", () => forgeAuth({}, `{"id":"1","body":${"[".repeat(100_000)}${"]".repeat(100_000)}}`), "too_large"],
    [
      "thousands of recipients",
      () =>
        forgeAuth({
          tamper: (envelope) =>
            Object.assign(envelope, {
              recipients: Array.from({ length: 20_000 }, (_, i) => ({ header: { kid: `${bob.did}#${i}` }, encrypted_key: "AA" })),
            }),
        }),
      "too_large",
    ],
    ["100,000 members", () => `{${Array.from({ length: 100_000 }, (_, i) => `"m${i}":0`).join()},"ciphertext":1}`, "kid_invalid"],
    ["3 MB of quotes and backslashes", () => `{"a":"${'\\"'.repeat(MEGABYTE)}`, "envelope_invalid"],
    ["3 MB of backslashes", () => `{"a":"${"\\".repeat(3 * MEGABYTE)}"`, "envelope_invalid"],
    ["strings that never end", () => '"'.repeat(3 * MEGABYTE + 1), "envelope_invalid"],
    ["names with 3 MB of blanks behind them", () => `{"a"${" ".repeat(3 * MEGABYTE)}`, "envelope_invalid"],
    ["a kid of 3 MB", () => text.replace(to.kid, `${bob.did}#${"x".repeat(3 * MEGABYTE)}`), "kid_invalid"],
    ["an encrypted key of 3 MB", () => text.replace('"encrypted_key":"', `$&${"A".repeat(3 * MEGABYTE)}`), "envelope_invalid"],
    ["an iv of 3 MB", () => text.replace('"iv":"', `$&${"A".repeat(3 * MEGABYTE)}`), "envelope_invalid"],
    ["a ciphertext of 3 MB", () => text.replace('"ciphertext":"', `$&${"AAAA".repeat((3 / 4) * MEGABYTE)}`), "decryption_failed"],
  ])("is rejected: %s", async (_, make, code) => {
    await expectRefusal(make(), code);
  });

  it.each<[keyof UnpackLimits, number]>([
    ["maxLength", twoRecipients.length],
    ["maxHeaderLength", (JSON.parse(twoRecipients) as { protected: string }).protected.length],
    ["maxRecipients", 2],
    ["maxDepth", 4],
  ])("is accepted up to %s", async (name, limit) => {
    expect((await unpack(twoRecipients, { ...bobReads, limits: { [name]: limit } })).sender).toBe(alice.did);
    expectCryptoError(await rejectionOf(unpack(twoRecipients, { ...bobReads, limits: { [name]: limit - 1 } })), "too_large");
  });

  it.each([0, -1, 1.5, Number.NaN, Infinity])("is not accepted as a limit: %d", async (maxLength) => {
    expect(await rejectionOf(unpack(text, { ...bobReads, limits: { maxLength } }))).toBeInstanceOf(TypeError);
  });
});

describe("failed crypto", () => {
  it("gives the same error for every change", async () => {
    const second = bob.keys.get(`${bob.did}#x25519-2`) ?? to;
    const failures = [
      unpack(
        text.replace(/"ciphertext":"./, (part) => flip(part)),
        bobReads,
      ),
      unpack(
        text.replace(/"encrypted_key":"./, (part) => flip(part)),
        bobReads,
      ),
      unpack(
        text.replace(/"tag":"./, (part) => flip(part)),
        bobReads,
      ),
      unpack(
        text.replace(/"iv":"./, (part) => flip(part)),
        bobReads,
      ),
      unpack(text, { ...bobReads, recipientKey: () => second.privateKey }),
      unpack(text, { ...bobReads, senderKey: () => second.publicKey }),
      unpack(forgeAuth({ change: ({ protected: header }) => Object.assign(header, { epk: LOW_ORDER }) }), bobReads),
      unpack(forgeAuth({ seal: sealBadlyPadded }), bobReads),
    ];
    const errors = (await Promise.all(failures.map(rejectionOf))).map((error) => expectCryptoError(error, "decryption_failed"));
    for (const { message, cause } of errors) expect([message, cause]).toEqual(["The message cannot be decrypted", undefined]);
    // All are thrown at one place: nothing has given up before the content was tried.
    expect(new Set(errors.map(({ stack }) => stack?.split("\n")[1])).size).toBe(1);
  });

  it("contains neither keys nor content", async () => {
    const error = await rejectionOf(unpack(forgeAuth({}, "the secret plan"), bobReads));
    expect(JSON.stringify([error, String(error), (error as Error).stack])).not.toContain("secret plan");
    expect((error as Error).cause).toBeUndefined();
  });
});

describe("a changed message", () => {
  const parts = ["protected", "encrypted_key", "iv", "ciphertext", "tag"];

  it.each(parts)("in any character of %s is rejected", async (part) => {
    const [start, end] = placeOf(part);
    for (let i = start; i < end; i += 1) {
      const changed = text.slice(0, i) + (text[i] === "A" ? "B" : "A") + text.slice(i + 1);
      // oxlint-disable-next-line no-await-in-loop
      expect(await rejectionOf(unpack(changed, bobReads))).toBeInstanceOf(DidcommCryptoError);
    }
  });

  it("truncated at any point is rejected", async () => {
    for (let length = 0; length < text.length; length += 1) {
      // oxlint-disable-next-line no-await-in-loop
      await expectRefusal(text.slice(0, length), "envelope_invalid");
    }
  });

  const envelopes = [
    text,
    forge(plaintext, { to, enc: "A256GCM" }),
    forge(text, { to }),
    forgeSigned(plaintext, alice.key("Ed25519")),
    forge(plaintext, { from: alice.key("P-256"), to: bob.key("P-256") }),
  ];
  const change = fc.record({
    envelope: fc.constantFrom(...envelopes),
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    remove: fc.nat({ max: 4 }),
    insert: fc.oneof(fc.string({ maxLength: 4 }), fc.constantFrom("A", "{", "}", '"', ",", "\\u0041", "null", "[]")),
  });

  it("at any point gives the same plaintext or a DidcommCryptoError", async () => {
    await fc.assert(
      fc.asyncProperty(change, async ({ envelope, at, remove, insert }) => {
        const place = Math.floor(at * envelope.length);
        const changed = envelope.slice(0, place) + insert + envelope.slice(place + remove);
        expect([JSON.stringify(plaintext), "refused"]).toContain(await plaintextUnlessRefused(changed));
      }),
      { numRuns: gateOrSoak(200, 20_000) },
    );
  });

  it("to any other JSON gives a DidcommCryptoError", async () => {
    const names = ["protected", "recipients", "ciphertext", "payload", "signatures", "iv", "tag", "header", "encrypted_key", "__proto__"];
    const members = fc.dictionary(fc.constantFrom(...names), fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.base64String()));
    await fc.assert(
      fc.asyncProperty(members, async (value) => {
        expect(await rejectionOf(unpack(JSON.stringify(value), bobReads))).toBeInstanceOf(DidcommCryptoError);
        const mixed = { ...(JSON.parse(text) as object), ...value };
        expect([JSON.stringify(plaintext), "refused"]).toContain(await plaintextUnlessRefused(JSON.stringify(mixed)));
      }),
    );
  });
});

/** Another character at the end. */
function flip(part: string): string {
  return part.slice(0, -1) + (part.endsWith("A") ? "B" : "A");
}

/** Other errors are rethrown. */
async function plaintextUnlessRefused(text: string): Promise<string> {
  try {
    return (await unpack(text, bobReads)).plaintext;
  } catch (error) {
    if (error instanceof DidcommCryptoError) return "refused";
    throw error;
  }
}

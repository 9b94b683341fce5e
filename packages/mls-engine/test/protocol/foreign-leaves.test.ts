import { encode } from "../../src/codec/writer.ts";
import { signWithLabel } from "../../src/crypto/labels.ts";
import { describe, expect, it } from "vitest";
import type { MlsEngineErrorCode } from "../../src/errors.ts";
import { certificatesOf, type MlsCredential } from "../../src/credentials/credential.ts";
import { isGrease } from "../../src/tree/capabilities.ts";
import type { Environment } from "../../src/epoch/environment.ts";
import { checkKeyPackage, createKeyPackage, type KeyPackage } from "../../src/join/key-package.ts";
import { encodeUnsignedLeaf, signedLeaf, type LeafContent } from "../../src/tree/leaf-node.ts";
import { checkLeaf, checkLifetime } from "../../src/tree/leaf-validation.ts";
import { writeExtensions } from "../../src/codec/structures.ts";
import { certifiesKey } from "../../src/credentials/x509.ts";
import { environment, newSigner } from "./environment.ts";

const SEED = Uint8Array.from(Buffer.from("Jwfp3Mq8Fs97oL3ldBvM2T87ts3anGF16DIq5pxOLMk=", "base64"));
/** A self-signed certificate for the key of that seed, made with OpenSSL. */
const CERTIFICATE = Uint8Array.from(
  Buffer.from(
    "MIIBPjCB8aADAgECAhQ/K++dfIBHV0vvauo9/GIjidaSLTAFBgMrZXAwFDESMBAGA1UEAwwJY2VydGlmaWVkMCAXDTI2MTEzMDA1NDgzNVoYDzIxMjYxMTA2MDU0ODM1WjAUMRIwEAYDVQQDDAljZXJ0aWZpZWQwKjAFBgMrZXADIQC37moLAJglkSYjRq/F1V/JsR4fM0zszy0Yzy6QW4r05qNTMFEwHQYDVR0OBBYEFLgnm6tIn2SwpiJLdgjdUee6UQpiMB8GA1UdIwQYMBaAFLgnm6tIn2SwpiJLdgjdUee6UQpiMA8GA1UdEwEB/wQFMAMBAf8wBQYDK2VwA0EAn4YWILIVCteWqdPFXrGCBv5VTQG3czJv19PhGNaI92B2CJ2C/O7WxDG/Y+knf2JaL64sMJYfW0kdOTBjt6yeBw==",
    "base64",
  ),
);
const PUBLIC_KEY = CERTIFICATE.slice(131, 163);

const chain = (...certificates: readonly Uint8Array[]): MlsCredential => ({
  type: 2,
  content: encode((w) => certificates.forEach((certificate) => w.vector(certificate))).slice(),
});

/** A key package whose leaf is changed, and signed as changed. */
async function foreignKeyPackage(
  change: (leaf: LeafContent) => LeafContent,
  lifetime = lifetimeFrom(0),
): Promise<[Environment, KeyPackage]> {
  const signer = newSigner(1, "foreign");
  const env = environment(1, signer);
  const { keyPackage } = createKeyPackage(env.suite, signer, lifetime, false);
  const content = change(keyPackage.leaf);
  const unsignedLeaf = encodeUnsignedLeaf(content);
  const privateKey = content.signatureKey === keyPackage.leaf.signatureKey ? signer.signatureKey.privateKey : SEED;
  const leaf = signedLeaf(content, unsignedLeaf, signWithLabel(env.suite, privateKey, "LeafNodeTBS", unsignedLeaf));
  const extensions = [{ type: 0x5a5a, data: new Uint8Array([1]) }];
  const unsigned = encode((w) => {
    w.u16(1).u16(1).vector(keyPackage.initKey).raw(leaf.bytes);
    writeExtensions(w, extensions);
  });
  const signature = signWithLabel(env.suite, privateKey, "KeyPackageTBS", unsigned);
  return [env, { ...keyPackage, leaf, extensions, unsigned, signature }];
}

function lifetimeFrom(seconds: number): { notBefore: bigint; notAfter: bigint } {
  const now = BigInt(Math.floor(Date.now() / 1000));
  return { notBefore: now + BigInt(seconds), notAfter: now + 3600n };
}

function messageOf(run: () => void): string {
  try {
    run();
    return "accepted";
  } catch (error) {
    return String(error);
  }
}

const group = { groupId: new Uint8Array([1]), suite: 1, extensions: [] };
const check = async ([env, { leaf }]: [Environment, KeyPackage]): Promise<MlsEngineErrorCode | undefined> =>
  checkLeaf(env, leaf, 0, group, "invalid_key_package", { reason: "add" }).then(
    () => undefined,
    (error: { code: MlsEngineErrorCode }) => error.code,
  );

describe("GREASE (RFC 9420 §13.5)", () => {
  it("is recognised by its pattern", () => {
    const values = Array.from({ length: 0x10000 }, (_, value) => value).filter(isGrease);
    expect(values.map((value) => value.toString(16))).toEqual(
      "a0a 1a1a 2a2a 3a3a 4a4a 5a5a 6a6a 7a7a 8a8a 9a9a aaaa baba caca dada eaea".split(" "),
    );
  });

  it("is ignored in a key package: in capabilities, and as extensions", async () => {
    const made = await foreignKeyPackage((leaf) => ({
      ...leaf,
      extensions: [{ type: 0x1a1a, data: new Uint8Array([1, 2]) }],
      capabilities: {
        versions: [...leaf.capabilities.versions, 0x0a0a],
        suites: [0x0a0a, ...leaf.capabilities.suites],
        extensions: [0x2a2a],
        proposals: [0x3a3a],
        credentials: [0x4a4a, ...leaf.capabilities.credentials],
      },
    }));
    checkKeyPackage(made[0].suite, made[1]);
    expect(await check(made)).toBeUndefined();
  });

  it("does not admit other unsupported extensions", async () => {
    expect(await check(await foreignKeyPackage((leaf) => ({ ...leaf, extensions: [{ type: 0x1a1b, data: new Uint8Array() }] })))).toBe(
      "invalid_key_package",
    );
  });
});

describe("a key package from a fast clock", () => {
  it.each([
    [30, 300_000, true],
    [299, 300_000, true],
    [400, 300_000, false],
    [30, 0, false],
  ])("by %i s is accepted within %i ms: %s", async (seconds, maxClockSkewMs, accepted) => {
    const [env, { leaf }] = await foreignKeyPackage((same) => same, lifetimeFrom(seconds));
    const run = (): void => checkLifetime({ ...env, limits: { ...env.limits, maxClockSkewMs } }, leaf);
    expect(messageOf(run)).toMatch(accepted ? /^accepted$/ : /becomes valid at .* Check both clocks/);
  });
});

describe("X.509 credentials", () => {
  const certified = (credential: MlsCredential, signatureKey = PUBLIC_KEY): Promise<[Environment, KeyPackage]> =>
    foreignKeyPackage((leaf) => ({ ...leaf, credential, signatureKey }));

  it("are accepted if the first certificate is for the signature key", async () => {
    const credential = chain(CERTIFICATE, CERTIFICATE);
    expect(certificatesOf(credential)).toEqual([CERTIFICATE, CERTIFICATE]);
    expect(await check(await certified(credential))).toBeUndefined();
  });

  it("are rejected if it is for another key or missing", async () => {
    const changed = CERTIFICATE.slice();
    changed[140] = (changed[140] ?? 0) ^ 1;
    for (const credential of [
      chain(changed),
      chain(),
      chain(new Uint8Array(0)),
      chain(new Uint8Array([0x30])),
      { type: 2, content: SEED },
    ]) {
      expect(await check(await certified(credential))).toBe("credential_refused");
    }
    expect(certificatesOf(chain(...Array.from({ length: 17 }, () => CERTIFICATE)))).toBeUndefined();
  });

  it("are rejected if authenticate rejects them", async () => {
    const [env, keyPackage] = await certified(chain(CERTIFICATE));
    expect(await check([{ ...env, authenticate: () => false }, keyPackage])).toBe("credential_refused");
  });

  it("are parsed without an exception for any truncation or change", () => {
    for (let at = 0; at < CERTIFICATE.length; at += 1) {
      expect(certifiesKey(chain(CERTIFICATE.slice(0, at)), PUBLIC_KEY)).toBe(false);
      for (const bit of [1, 0x80]) {
        const changed = CERTIFICATE.slice();
        changed[at] = (changed[at] ?? 0) ^ bit;
        expect(typeof certifiesKey(chain(changed), PUBLIC_KEY)).toBe("boolean");
      }
    }
  });
});

import { randomBytes } from "node:crypto";
import type { JsonObject } from "@parley/core";
import { CIPHERS } from "../src/jwe/content/ciphers.ts";
import type { ContentCipher } from "../src/jwe/content/content-cipher.ts";
import { concatKdf } from "../src/jwe/concat-kdf.ts";
import { apvOf } from "../src/jwe/jwe-header.ts";
import { wrapKey } from "../src/jwe/key-wrap.ts";
import type { KeyAlgorithm } from "../src/jwe/algorithms.ts";
import { agree } from "../src/keys/agree.ts";
import { generateEphemeralKey } from "../src/keys/ephemeral-key.ts";
import { agreementPrivateKey, agreementPublicKey, signingPrivateKey } from "../src/keys/import-key.ts";
import { signJws } from "../src/jws/sign-jws.ts";
import type { TestKey } from "./parties.ts";

/** An envelope before it is written. */
export interface Draft {
  protected: Record<string, unknown>;
  readonly recipients: { header: Record<string, unknown>; encrypted_key?: string }[];
  /** Members of the finished envelope; `undefined` ones are left out. */
  envelope: Record<string, unknown>;
}

export interface ForgeOptions {
  readonly from?: TestKey;
  readonly to: TestKey | readonly TestKey[];
  readonly enc?: "A256CBC-HS512" | "A256GCM";
  /** Takes the place of a new ephemeral key. */
  readonly epk?: TestKey;
  /** Takes the place of the content cipher. */
  readonly seal?: ContentCipher["seal"];
  /** Changes the draft before encryption, so that the result can be decrypted. */
  readonly change?: (draft: Draft) => void;
  /** Changes the envelope after it is encrypted. */
  readonly tamper?: (envelope: Record<string, unknown>) => void;
}

const bytesOf = (value: unknown): Buffer => Buffer.from(typeof value === "string" ? value : "", "base64url");
export const toBase64url = (text: string | Uint8Array): string => Buffer.from(text).toString("base64url");

/** Encrypts as pack does, but whatever the draft says, checking nothing. */
export function forge(content: string | JsonObject, { from, to, enc = "A256CBC-HS512", epk, seal, change, tamper }: ForgeOptions): string {
  const keys = "kid" in to ? [to] : to;
  const [first] = keys;
  if (first === undefined) throw new Error("The message must have a recipient");
  const recipientKeys = keys.map(({ publicKey }) => agreementPublicKey(publicKey));
  const ephemeral = epk
    ? { publicJwk: epk.publicKey, privateKey: agreementPrivateKey(epk.privateKey).key }
    : generateEphemeralKey(agreementPublicKey(first.publicKey).curve);
  const alg: KeyAlgorithm = from ? "ECDH-1PU+A256KW" : "ECDH-ES+A256KW";
  const draft: Draft = {
    protected: {
      typ: "application/didcomm-encrypted+json",
      alg,
      enc,
      ...(from && { skid: from.kid, apu: toBase64url(from.kid) }),
      apv: toBase64url(apvOf(keys.map(({ kid }) => kid))),
      epk: ephemeral.publicJwk,
    },
    recipients: keys.map(({ kid }) => ({ header: { kid } })),
    envelope: {},
  };
  change?.(draft);
  const protectedText = toBase64url(JSON.stringify(draft.protected));
  const cipher = CIPHERS[enc];
  const [key, iv] = [randomBytes(cipher.keyLength), randomBytes(cipher.ivLength)];
  const plaintext = Buffer.from(typeof content === "string" ? content : JSON.stringify(content));
  const { ciphertext, tag } = (seal ?? cipher.seal)({ key, iv, aad: Buffer.from(protectedText) }, plaintext);
  for (const [index, recipient] of draft.recipients.entries()) {
    const publicKey = recipientKeys[index]?.key;
    if (publicKey === undefined) continue;
    const secret = [agree(ephemeral.privateKey, publicKey)];
    if (from !== undefined) secret.push(agree(agreementPrivateKey(from.privateKey).key, publicKey));
    const { apu, apv } = draft.protected;
    const kek = concatKdf(secret, { alg, apu: bytesOf(apu), apv: bytesOf(apv), tag: from && tag });
    recipient.encrypted_key ??= toBase64url(wrapKey(kek, key));
  }
  const envelope: Record<string, unknown> = {
    protected: protectedText,
    recipients: draft.recipients,
    iv: toBase64url(iv),
    ciphertext: toBase64url(ciphertext),
    tag: toBase64url(tag),
    ...draft.envelope,
  };
  tamper?.(envelope);
  return JSON.stringify(envelope);
}

/** A signed message with unchecked content. */
export function forgeSigned(content: string | JsonObject, key: TestKey): string {
  const bytes = Buffer.from(typeof content === "string" ? content : JSON.stringify(content));
  return signJws(bytes, { ...signingPrivateKey(key.privateKey), kid: key.kid });
}

import { randomBytes } from "node:crypto";
import { DidcommCryptoError } from "../didcomm-crypto-error.ts";
import { agree, agreeStatic } from "../keys/agree.ts";
import type { AgreementCurve } from "../keys/curve.ts";
import { generateEphemeralKey, type EphemeralKey } from "../keys/ephemeral-key.ts";
import type { ImportedKey } from "../keys/key.ts";
import { encodeBase64url } from "../text/base64url.ts";
import type { KeyAlgorithm } from "./algorithms.ts";
import { concatKdf, type KdfParties } from "./concat-kdf.ts";
import { CIPHERS, type WrittenContentAlgorithm } from "./content/ciphers.ts";
import { apvOf } from "./header.ts";
import { wrapKey } from "./key-wrap.ts";
import { ENCRYPTED_TYPE } from "./parse-jwe.ts";

/** A key that agrees on a secret, and its id. */
export interface AgreementParty extends ImportedKey<AgreementCurve> {
  readonly kid: string;
}

/** Who a message is encrypted by and for; all are on one curve. */
export interface EncryptOptions {
  /** With authcrypt. */
  readonly from: AgreementParty | undefined;
  readonly to: readonly [AgreementParty, ...AgreementParty[]];
  readonly enc: WrittenContentAlgorithm;
}

/** Encrypts bytes, as the general JSON serialisation of a JWE (RFC 7516, section 7.2.1). */
export function encryptJwe(content: Uint8Array, { from, to, enc }: EncryptOptions): string {
  const alg: KeyAlgorithm = from === undefined ? "ECDH-ES+A256KW" : "ECDH-1PU+A256KW";
  const ephemeral = generateEphemeralKey(to[0].curve);
  const apu = Buffer.from(from?.kid ?? "", "utf8");
  const apv = apvOf(to.map(({ kid }) => kid));
  // JSON leaves out what is undefined.
  const header = {
    typ: `application/${ENCRYPTED_TYPE}`,
    alg,
    enc,
    skid: from?.kid,
    apu: from && apu.toString("base64url"),
    apv: apv.toString("base64url"),
    epk: ephemeral.publicJwk,
  };
  const protectedText = Buffer.from(JSON.stringify(header), "utf8").toString("base64url");

  const cipher = CIPHERS[enc];
  const random = randomBytes(cipher.keyLength + cipher.ivLength);
  const [key, iv] = [random.subarray(0, cipher.keyLength), random.subarray(cipher.keyLength)];
  const { ciphertext, tag } = cipher.seal({ key, iv, aad: Buffer.from(protectedText, "ascii") }, content);
  // The content comes first: with ECDH-1PU its tag is part of what the key is wrapped with.
  const parties = { alg, apu, apv, tag: from && tag };
  const recipients = to.map((recipient) => {
    const kek = keyFor(recipient, { from, ephemeral }, parties);
    return { header: { kid: recipient.kid }, encrypted_key: encodeBase64url(wrapKey(kek, key)) };
  });
  return JSON.stringify({
    ciphertext: encodeBase64url(ciphertext),
    protected: protectedText,
    recipients,
    tag: encodeBase64url(tag),
    iv: encodeBase64url(iv),
  });
}

interface SenderKeys {
  readonly from: AgreementParty | undefined;
  readonly ephemeral: EphemeralKey;
}

function keyFor(to: AgreementParty, { from, ephemeral }: SenderKeys, parties: KdfParties): Buffer {
  try {
    const secret = [agree(ephemeral.privateKey, to.key)];
    if (from !== undefined) secret.push(agreeStatic(from.key, to.key));
    return concatKdf(secret, parties);
  } catch {
    throw new DidcommCryptoError("key_unsupported", "The recipient's key agrees on nothing: it is of low order");
  }
}

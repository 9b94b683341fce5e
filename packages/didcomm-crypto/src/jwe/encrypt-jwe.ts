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
import { apvOf } from "./jwe-header.ts";
import { wrapKey } from "./key-wrap.ts";
import { ENCRYPTED_TYPE } from "./parse-jwe.ts";

/** A key for key agreement, and its id. */
export interface AgreementParty extends ImportedKey<AgreementCurve> {
  readonly kid: string;
}

/** The sender and the recipients of a message, with keys on one curve. */
export interface EncryptOptions {
  /** With authcrypt. */
  readonly from: AgreementParty | undefined;
  readonly to: readonly [AgreementParty, ...AgreementParty[]];
  readonly enc: WrittenContentAlgorithm;
}

/**
 * Encrypts bytes to a JWE in the general JSON serialization (RFC 7516, section 7.2.1).
 *
 * @throws DidcommCryptoError `key_unsupported` if a recipient key is a point of low order.
 */
export function encryptJwe(content: Uint8Array, { from, to, enc }: EncryptOptions): string {
  const alg: KeyAlgorithm = from === undefined ? "ECDH-ES+A256KW" : "ECDH-1PU+A256KW";
  const ephemeral = generateEphemeralKey(to[0].curve);
  const apu = Buffer.from(from?.kid ?? "", "utf8");
  const apv = apvOf(to.map(({ kid }) => kid));
  // JSON.stringify omits undefined members.
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
  // The content is encrypted first: with ECDH-1PU, the key-encryption key depends on its tag.
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
    throw new DidcommCryptoError("key_unsupported", "The recipient's public key is a low-order point");
  }
}

import { randomBytes } from "node:crypto";
import { DidcommCryptoError } from "../didcomm-crypto-error.ts";
import { agree, agreeStatic } from "../keys/agree.ts";
import type { AgreementCurve } from "../keys/curve.ts";
import type { ImportedKey } from "../keys/key.ts";
import { concatKdf } from "./concat-kdf.ts";
import { DECIPHERS } from "./content/ciphers.ts";
import { unwrapKey } from "./key-wrap.ts";
import type { Jwe } from "./parse-jwe.ts";

/** The keys that decrypt a message, all on the curve of its `epk`. */
export interface DecryptionKeys {
  readonly own: ImportedKey<AgreementCurve>;
  /** With authcrypt. */
  readonly sender: ImportedKey<AgreementCurve> | undefined;
}

/**
 * Decrypts a message for one of its recipients.
 *
 * If the key cannot be derived or unwrapped, decryption continues with a random key. An attacker then learns neither from the error nor from
 * the timing which step failed (RFC 7516, section 11.5).
 *
 * @throws DidcommCryptoError `decryption_failed`
 */
export function decryptJwe(jwe: Jwe, encryptedKey: Uint8Array, keys: DecryptionKeys): Uint8Array {
  const cipher = DECIPHERS[jwe.header.enc];
  const kek = agreedKey(jwe, keys) ?? randomBytes(32);
  const key = unwrapKey(kek, encryptedKey) ?? randomBytes(cipher.keyLength);
  const content = cipher.open({ key, iv: jwe.iv, aad: Buffer.from(jwe.protectedText, "ascii") }, jwe);
  if (content === undefined) throw new DidcommCryptoError("decryption_failed", "The message cannot be decrypted");
  return content;
}

/** `undefined` if `epk` is of low order. */
function agreedKey({ header: { alg, apu, apv, epk }, tag }: Jwe, { own, sender }: DecryptionKeys): Buffer | undefined {
  try {
    const ephemeral = agree(own.key, epk.key);
    if (sender === undefined) return concatKdf([ephemeral], { alg, apu, apv, tag: undefined });
    return concatKdf([ephemeral, agreeStatic(own.key, sender.key)], { alg, apu, apv, tag });
  } catch {
    return undefined;
  }
}

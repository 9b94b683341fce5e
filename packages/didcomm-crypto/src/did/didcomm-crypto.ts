import type { DidResolver } from "@parley/did";
import type { WrittenContentAlgorithm } from "../jwe/content/ciphers.ts";
import type { PrivateKeyInput } from "../keys/key.ts";
import { readLimits, type UnpackLimits } from "../unpack-limits.ts";
import { pack, packSigned, type PackOptions } from "../pack.ts";
import type { Packable } from "../plaintext.ts";
import { unpack, type KeyLookup } from "../unpack.ts";
import type { Unpacked } from "../unpacked.ts";
import { chooseAgreementKeys, chooseSigningKey } from "./choose-keys.ts";
import { findKey, resolve } from "./find-key.ts";

/** Options of {@link createDidcommCrypto}. */
export interface DidcommCryptoOptions {
  /** Resolves peers' DIDs and our own. Only keys listed in the documents are used. */
  readonly resolver: DidResolver;
  /** Our private keys, by their ids in our DID documents. */
  readonly privateKey: KeyLookup<PrivateKeyInput>;
  readonly limits?: Partial<UnpackLimits>;
}

/** Options of {@link DidcommCrypto.pack}. */
export interface DidPackOptions {
  /** The DID of the recipient. The message is encrypted for all its keys on one curve. */
  readonly to: string;
  /** Our DID as the sender (authcrypt), or `"anonymous"` (anoncrypt). */
  readonly from: string;
  /** Also signs the message with a key of this DID, which must equal `from`. */
  readonly signBy?: string;
  /** Encrypts an authcrypt message again with anoncrypt, which hides the sender from intermediaries. Default `false`. */
  readonly hideSender?: boolean;
  /** Content encryption of anoncrypt. Default A256CBC-HS512, which every implementation supports. */
  readonly enc?: WrittenContentAlgorithm;
  /** Aborts the resolution of DIDs: the promise is rejected with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Packs and unpacks messages with the keys of DID documents. */
export interface DidcommCrypto {
  /**
   * Encrypts a message for a DID, on the first curve in the recipient's document on which the sender also has a key.
   *
   * @throws DidcommCryptoError `resolution_failed`, `key_not_found` or `key_unsupported`.
   * @throws TypeError if the message does not match the DIDs; see {@link pack}.
   */
  pack(message: Packable, options: DidPackOptions): Promise<string>;

  /** Signs a message without encrypting it. See {@link packSigned}. */
  packSigned(message: Packable, options: { readonly signBy: string; readonly signal?: AbortSignal }): Promise<string>;

  /**
   * Decrypts and verifies a message. The sender's key must be listed for `keyAgreement`, the signer's for `authentication`. See {@link unpack}.
   *
   * @throws DidcommCryptoError with any code.
   */
  unpack(message: string | Uint8Array, options?: { readonly signal?: AbortSignal }): Promise<Unpacked>;
}

/**
 * Creates an object that packs and unpacks messages with the keys of resolved DID documents.
 *
 * @example
 * ```ts
 * import { createMessage } from "@parley/core";
 * import type { DidResolver } from "@parley/did";
 * import { createDidcommCrypto, type PrivateJwk } from "@parley/didcomm-crypto";
 *
 * async function greet(resolver: DidResolver, keys: Map<string, PrivateJwk>, from: string, to: string): Promise<string> {
 *   const crypto = createDidcommCrypto({ resolver, privateKey: (kid) => keys.get(kid) });
 *   const message = createMessage({ type: "https://didcomm.org/basicmessage/2.0/message", from, to, body: { content: "Hello" } });
 *   return crypto.pack(message, { from, to });
 * }
 * ```
 */
export function createDidcommCrypto({ resolver, privateKey, limits }: DidcommCryptoOptions): DidcommCrypto {
  const checkedLimits = readLimits(limits);
  return {
    async pack(message, { to, from, signBy, hideSender, enc, signal }) {
      const [recipient, sender] = await Promise.all([
        resolve(to, resolver, signal),
        from === "anonymous" ? undefined : resolve(from, resolver, signal),
      ]);
      const keys = await chooseAgreementKeys(recipient, sender, privateKey);
      const signer = signBy === undefined ? undefined : await chooseSigningKey(await resolve(signBy, resolver, signal), privateKey);
      const options: PackOptions = {
        ...keys,
        ...(signer && { signBy: signer }),
        ...(hideSender !== undefined && { hideSender }),
        ...(enc && { enc }),
      };
      return pack(message, options);
    },

    async packSigned(message, { signBy, signal }) {
      return packSigned(message, await chooseSigningKey(await resolve(signBy, resolver, signal), privateKey));
    },

    unpack(message, { signal } = {}) {
      return unpack(message, {
        recipientKey: privateKey,
        senderKey: (kid) => findKey(kid, "keyAgreement", resolver, signal),
        signerKey: (kid) => findKey(kid, "authentication", resolver, signal),
        limits: checkedLimits,
      });
    },
  };
}

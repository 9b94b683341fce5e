import type { DidResolver } from "@parley/did";
import type { WrittenContentAlgorithm } from "../jwe/content/ciphers.ts";
import type { PrivateKeyInput } from "../keys/key.ts";
import { withDefaults, type UnpackLimits } from "../limits.ts";
import { pack, packSigned, type PackOptions } from "../pack.ts";
import type { Packable } from "../plaintext.ts";
import { unpack, type KeyLookup } from "../unpack.ts";
import type { Unpacked } from "../unpacked.ts";
import { chooseAgreementKeys, chooseSigningKey } from "./choose-keys.ts";
import { findKey, resolve } from "./key-source.ts";

/** Options of {@link createDidcommCrypto}. */
export interface DidcommCryptoOptions {
  /** Finds the documents of others, and of our own DIDs: only keys that they list are used. */
  readonly resolver: DidResolver;
  /** Our own private keys, by the ids that our documents give them. */
  readonly privateKey: KeyLookup<PrivateKeyInput>;
  readonly limits?: Partial<UnpackLimits>;
}

/** How a message is packed, by DIDs. */
export interface DidPackOptions {
  /** The DID that it is encrypted for: all of its keys on one curve. */
  readonly to: string;
  /** Our DID that it is encrypted by (authcrypt), or `"anonymous"` (anoncrypt). */
  readonly from: string;
  /** Our DID that it is signed by, the same as `from`. */
  readonly signBy?: string;
  /** Encrypts an authcrypt message once more, anonymously, so that those who carry it can't see who it is from. Default `false`. */
  readonly hideSender?: boolean;
  /** How the anonymous layer is encrypted. Every reader knows A256CBC-HS512, which is the default. */
  readonly enc?: WrittenContentAlgorithm;
  /** Stops waiting for DIDs; the promise is rejected with its reason. */
  readonly signal?: AbortSignal;
}

/** Packs and unpacks messages with the keys of DID documents. */
export interface DidcommCrypto {
  /**
   * Encrypts a message for a DID. The curve is the first of the recipient's that the sender has, too.
   *
   * @throws DidcommCryptoError `resolution_failed`, `key_not_found` or `key_unsupported`.
   * @throws TypeError if the message does not fit the DIDs; see {@link pack}.
   */
  pack(message: Packable, options: DidPackOptions): Promise<string>;

  /** Signs a message without encrypting it. See {@link packSigned}. */
  packSigned(message: Packable, options: { readonly signBy: string; readonly signal?: AbortSignal }): Promise<string>;

  /**
   * Decrypts and verifies a message. Senders' keys must be listed for `keyAgreement`, signers' for `authentication`. See {@link unpack}.
   *
   * @throws DidcommCryptoError with any code.
   */
  unpack(message: string | Uint8Array, options?: { readonly signal?: AbortSignal }): Promise<Unpacked>;
}

/**
 * Creates what packs and unpacks messages with keys found by a resolver of DIDs.
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
  const checkedLimits = withDefaults(limits);
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

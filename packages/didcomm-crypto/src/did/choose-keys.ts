import { verificationMethodsOf, type DidDocument, type PublicJwk, type VerificationRelationship } from "@parley/did";
import { DidcommCryptoError } from "../didcomm-crypto-error.ts";
import { isAgreementCurve, isSigningCurve } from "../keys/curve.ts";
import type { OwnKey, PeerKey, PrivateKeyInput } from "../keys/key.ts";
import type { KeyLookup } from "../unpack.ts";
import { publicKeyOf } from "./find-key.ts";

interface DocumentKey extends PeerKey {
  readonly publicKey: PublicJwk;
}

/** The recipient keys and the sender key of a message. */
export interface ChosenKeys {
  readonly to: readonly PeerKey[];
  readonly from: OwnKey | "anonymous";
}

/**
 * Chooses the curve of a message: the first one in the recipient's document on which the sender also has a key. The message is encrypted for
 * all keys of the recipient on that curve (DIDComm v2.1, Key IDs).
 *
 * @throws DidcommCryptoError `key_not_found` if they have no curve in common.
 */
export async function chooseAgreementKeys(
  recipient: DidDocument,
  sender: DidDocument | undefined,
  privateKey: KeyLookup<PrivateKeyInput>,
): Promise<ChosenKeys> {
  const theirs = agreementKeysOf(recipient);
  for (const curve of new Set(theirs.map((key) => key.publicKey.crv))) {
    // In sequence, in the recipient's order.
    // oxlint-disable-next-line no-await-in-loop
    const from = sender === undefined ? "anonymous" : await ownKeyOn(curve, sender, privateKey);
    if (from !== undefined) return { to: theirs.filter((key) => key.publicKey.crv === curve), from };
  }
  const message = sender === undefined ? "The recipient has no key for encryption" : "Sender and recipient have no curve in common";
  throw new DidcommCryptoError("key_not_found", message);
}

/**
 * Chooses the first key in the signer's document whose private key is available.
 *
 * @throws DidcommCryptoError `key_not_found` if no private key is available.
 */
export async function chooseSigningKey(signer: DidDocument, privateKey: KeyLookup<PrivateKeyInput>): Promise<OwnKey> {
  const key = await firstOwned(supportedKeys(signer, "authentication", isSigningCurve), privateKey);
  if (key === undefined) {
    throw new DidcommCryptoError("key_not_found", "No private key for any key that the signer's document lists for authentication");
  }
  return key;
}

function ownKeyOn(curve: string, sender: DidDocument, privateKey: KeyLookup<PrivateKeyInput>): Promise<OwnKey | undefined> {
  return firstOwned(
    agreementKeysOf(sender).filter((key) => key.publicKey.crv === curve),
    privateKey,
  );
}

const agreementKeys = new WeakMap<DidDocument, readonly DocumentKey[]>();

/** The supported keys for encryption. Cached until the document is garbage-collected. */
function agreementKeysOf(document: DidDocument): readonly DocumentKey[] {
  let keys = agreementKeys.get(document);
  if (keys === undefined) agreementKeys.set(document, (keys = supportedKeys(document, "keyAgreement", isAgreementCurve)));
  return keys;
}

async function firstOwned(keys: readonly DocumentKey[], privateKey: KeyLookup<PrivateKeyInput>): Promise<OwnKey | undefined> {
  for (const { kid } of keys) {
    // oxlint-disable-next-line no-await-in-loop
    const key = await privateKey(kid);
    if (key !== undefined) return { kid, privateKey: key };
  }
  return undefined;
}

/** The supported keys of a purpose, in the order of the document. */
function supportedKeys(
  document: DidDocument,
  purpose: VerificationRelationship,
  isCurve: (curve: string) => boolean,
): readonly DocumentKey[] {
  return verificationMethodsOf(document, purpose).flatMap((method) => {
    try {
      const publicKey = publicKeyOf(method);
      return isCurve(publicKey.crv) ? [{ kid: method.id, publicKey }] : [];
    } catch (error) {
      if (error instanceof DidcommCryptoError) return [];
      throw error;
    }
  });
}

import { checkAddressing, type Addressing } from "./check-addressing.ts";
import { encryptJwe, type AgreementParty } from "./jwe/encrypt-jwe.ts";
import type { WrittenContentAlgorithm } from "./jwe/content/ciphers.ts";
import { signJws } from "./jws/sign-jws.ts";
import type { AgreementCurve } from "./keys/curve.ts";
import { agreementPrivateKey, agreementPublicKey, signingPrivateKey } from "./keys/import-key.ts";
import type { ImportedKey, OwnKey, PeerKey } from "./keys/key.ts";
import { didOfKid } from "./did-of-kid.ts";
import { toPlaintext, type Packable, type Plaintext } from "./plaintext.ts";

/** Options of {@link pack}. */
export interface PackOptions {
  /** The recipient keys: keys of one DID, all on one curve. */
  readonly to: PeerKey | readonly PeerKey[];
  /**
   * The sender's key, on the curve of the recipient keys: it proves the sender to the recipients only (authcrypt). Or `"anonymous"`, which
   * proves no sender (anoncrypt), even if the message has `from`.
   */
  readonly from: OwnKey | "anonymous";
  /** Also signs the message, with a key of the DID in `from`: the recipients can then prove the sender to third parties. */
  readonly signBy?: OwnKey;
  /** Encrypts an authcrypt message again with anoncrypt, which hides the sender from intermediaries. Default `false`. */
  readonly hideSender?: boolean;
  /** Content encryption of anoncrypt. Default A256CBC-HS512, which every implementation supports. */
  readonly enc?: WrittenContentAlgorithm;
}

/**
 * Encrypts a message for the keys of one DID.
 *
 * JSON is packed unchanged. Pack a message with several recipient DIDs once for each of them.
 *
 * @throws DidcommCryptoError `key_unsupported` if a recipient key cannot be used for encryption.
 * @throws TypeError if the message does not match the keys: `from` must be the DID of the encrypting and signing keys; `to`, if present, must
 * include the recipients' DID; a signed message must have `to`.
 * @see {@link https://identity.foundation/didcomm-messaging/spec/v2.1/#didcomm-encrypted-messages | DIDComm v2.1, Encrypted Messages}
 * @example
 * ```ts
 * import type { Message } from "@parley/core";
 * import { pack, type OwnKey, type PeerKey } from "@parley/didcomm-crypto";
 *
 * function seal(message: Message, alice: OwnKey, bob: PeerKey): string {
 *   return pack(message, { from: alice, to: bob });
 * }
 * ```
 */
export function pack(message: Packable, { to, from, signBy, hideSender = false, enc = "A256CBC-HS512" }: PackOptions): string {
  const [recipients, recipientDid] = recipientsOf(to);
  const sender = from === "anonymous" ? undefined : senderOf(from, recipients[0]);
  if (sender === undefined && hideSender) throw new TypeError("hideSender requires a sender: from is anonymous");
  const plaintext = toPlaintext(message);
  const senderDid = sender && didOfKid(sender.kid);
  requireAddressing(plaintext, { recipientDids: [recipientDid], senderDid, signerDid: signBy && ownDid(signBy) });

  const content = signBy === undefined ? plaintext.bytes : Buffer.from(sign(plaintext, signBy), "utf8");
  if (sender === undefined) return encryptJwe(content, { from: undefined, to: recipients, enc });
  const authcrypt = encryptJwe(content, { from: sender, to: recipients, enc: "A256CBC-HS512" });
  return hideSender ? encryptJwe(Buffer.from(authcrypt, "utf8"), { from: undefined, to: recipients, enc }) : authcrypt;
}

/**
 * Signs a message without encrypting it: anyone can read it and verify its sender. For published messages, such as invitations.
 *
 * @throws TypeError if `from` is not the DID of the key.
 * @see {@link https://identity.foundation/didcomm-messaging/spec/v2.1/#didcomm-signed-messages | DIDComm v2.1, Signed Messages}
 */
export function packSigned(message: Packable, signBy: OwnKey): string {
  const plaintext = toPlaintext(message);
  requireAddressing(plaintext, { recipientDids: [], senderDid: undefined, signerDid: ownDid(signBy) });
  return sign(plaintext, signBy);
}

function sign({ bytes }: Plaintext, { kid, privateKey }: OwnKey): string {
  return signJws(bytes, { ...signingPrivateKey(privateKey), kid });
}

function recipientsOf(to: PeerKey | readonly PeerKey[]): [recipients: readonly [AgreementParty, ...AgreementParty[]], did: string] {
  const parties = ("kid" in to ? [to] : to).map(({ kid, publicKey }) => partyOf(kid, agreementPublicKey(publicKey)));
  const [first, ...others] = parties;
  const did = didOfKid(first?.kid);
  if (first === undefined || did === undefined)
    throw new TypeError("to must contain at least one key, and each kid must be an absolute DID URL");
  if (others.some(({ kid }) => didOfKid(kid) !== did)) throw new TypeError("The recipient keys must belong to one DID");
  if (others.some(({ curve }) => curve !== first.curve)) throw new TypeError("The recipient keys must be on one curve");
  if (new Set(parties.map(({ kid }) => kid)).size !== parties.length) throw new TypeError("A recipient key is listed twice");
  return [[first, ...others], did];
}

function senderOf(from: OwnKey, { curve }: AgreementParty): AgreementParty {
  ownDid(from);
  const key = agreementPrivateKey(from.privateKey);
  if (key.curve !== curve) throw new TypeError(`The sender's key must be on the curve of the recipient keys, ${curve}`);
  return partyOf(from.kid, key);
}

function partyOf(kid: string, { curve, key }: ImportedKey<AgreementCurve>): AgreementParty {
  return { kid, curve, key };
}

function ownDid({ kid }: OwnKey): string {
  const did = didOfKid(kid);
  if (did === undefined) throw new TypeError("The kid of a key must be an absolute DID URL");
  return did;
}

function requireAddressing({ message }: Plaintext, addressing: Addressing): void {
  const result = checkAddressing(message, addressing);
  if (!result.ok) throw new TypeError(result.rejection.message);
}

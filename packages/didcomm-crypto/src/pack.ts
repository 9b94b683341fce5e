import { findAddressingFault, type Addressing } from "./addressing.ts";
import { encryptJwe, type AgreementParty } from "./jwe/encrypt.ts";
import type { WrittenContentAlgorithm } from "./jwe/content/ciphers.ts";
import { signJws } from "./jws/sign.ts";
import type { AgreementCurve } from "./keys/curve.ts";
import { agreementPrivateKey, agreementPublicKey, signingPrivateKey } from "./keys/import.ts";
import type { ImportedKey, OwnKey, PeerKey } from "./keys/key.ts";
import { didOfKid } from "./kid.ts";
import { plaintextOf, type Packable, type Plaintext } from "./plaintext.ts";

/** How a message is packed. */
export interface PackOptions {
  /** Whom it is encrypted for: keys of one DID, all on one curve. */
  readonly to: PeerKey | readonly PeerKey[];
  /**
   * Who it is encrypted by: a key on the curve of the recipients', with which only they can tell that the message is yours (authcrypt).
   * Or `"anonymous"`: nobody can (anoncrypt), whatever the message's `from` says.
   */
  readonly from: OwnKey | "anonymous";
  /** Signs the message besides, with a key of the same DID as `from`: the recipients can then prove to others that it is yours. */
  readonly signBy?: OwnKey;
  /** Encrypts an authcrypt message once more, anonymously, so that those who carry it can't see who it is from. Default `false`. */
  readonly hideSender?: boolean;
  /** How the anonymous layer is encrypted. Every reader knows A256CBC-HS512, which is the default. */
  readonly enc?: WrittenContentAlgorithm;
}

/**
 * Encrypts a message for the keys of one DID.
 *
 * A message that is JSON already is packed as it is. Pack a message to several DIDs once for each of them.
 *
 * @throws DidcommCryptoError `key_unsupported` if a recipient's key is none to encrypt for.
 * @throws TypeError if the message does not fit the keys: `from` must be the DID of the keys that encrypt and sign, `to`, where it is
 * there, must hold the recipients' DID, and it must be there in what is signed.
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
  if (sender === undefined && hideSender) throw new TypeError("An anonymous message has no sender to hide");
  const plaintext = plaintextOf(message);
  const senderDid = sender && didOfKid(sender.kid);
  checkAddressing(plaintext, { recipientDids: [recipientDid], senderDid, signerDid: signBy && ownDid(signBy) });

  const content = signBy === undefined ? plaintext.bytes : Buffer.from(sign(plaintext, signBy), "utf8");
  if (sender === undefined) return encryptJwe(content, { from: undefined, to: recipients, enc });
  const authcrypt = encryptJwe(content, { from: sender, to: recipients, enc: "A256CBC-HS512" });
  return hideSender ? encryptJwe(Buffer.from(authcrypt, "utf8"), { from: undefined, to: recipients, enc }) : authcrypt;
}

/**
 * Signs a message without encrypting it: anybody can read it and prove who wrote it. For what is published, such as invitations.
 *
 * @throws TypeError if `from` is not the DID of the key.
 * @see {@link https://identity.foundation/didcomm-messaging/spec/v2.1/#didcomm-signed-messages | DIDComm v2.1, Signed Messages}
 */
export function packSigned(message: Packable, signBy: OwnKey): string {
  const plaintext = plaintextOf(message);
  checkAddressing(plaintext, { recipientDids: [], senderDid: undefined, signerDid: ownDid(signBy) });
  return sign(plaintext, signBy);
}

function sign({ bytes }: Plaintext, { kid, privateKey }: OwnKey): string {
  return signJws(bytes, { ...signingPrivateKey(privateKey), kid });
}

function recipientsOf(to: PeerKey | readonly PeerKey[]): [recipients: readonly [AgreementParty, ...AgreementParty[]], did: string] {
  const parties = ("kid" in to ? [to] : to).map(({ kid, publicKey }) => partyOf(kid, agreementPublicKey(publicKey)));
  const [first, ...others] = parties;
  const did = didOfKid(first?.kid);
  if (first === undefined || did === undefined) throw new TypeError("The recipients' kids must be absolute DID URLs, at least one");
  if (others.some(({ kid }) => didOfKid(kid) !== did)) throw new TypeError("The recipients' keys must be of one DID");
  if (others.some(({ curve }) => curve !== first.curve)) throw new TypeError("The recipients' keys must be on one curve");
  if (new Set(parties.map(({ kid }) => kid)).size !== parties.length) throw new TypeError("A recipient's key is there twice");
  return [[first, ...others], did];
}

function senderOf(from: OwnKey, { curve }: AgreementParty): AgreementParty {
  ownDid(from);
  const key = agreementPrivateKey(from.privateKey);
  if (key.curve !== curve) throw new TypeError(`The sender's key must be on the recipients' curve, ${curve}`);
  return partyOf(from.kid, key);
}

function partyOf(kid: string, { curve, key }: ImportedKey<AgreementCurve>): AgreementParty {
  return { kid, curve, key };
}

function ownDid({ kid }: OwnKey): string {
  const did = didOfKid(kid);
  if (did === undefined) throw new TypeError("A key's kid must be an absolute DID URL");
  return did;
}

function checkAddressing({ message }: Plaintext, addressing: Addressing): void {
  const fault = findAddressingFault(message, addressing);
  if (fault !== undefined) throw new TypeError(fault.message);
}

import { addressingOf, metadataOf, type OpenedLayer } from "./opened-layer.ts";
import { checkAddressing } from "./check-addressing.ts";
import { DidcommCryptoError } from "./didcomm-crypto-error.ts";
import { decryptJwe } from "./jwe/decrypt-jwe.ts";
import type { Jwe } from "./jwe/parse-jwe.ts";
import type { Jws } from "./jws/parse-jws.ts";
import { verifyJws } from "./jws/verify-jws.ts";
import type { AgreementCurve } from "./keys/curve.ts";
import { agreementPrivateKey, agreementPublicKey, verifyingPublicKey } from "./keys/import-key.ts";
import type { ImportedKey, PrivateKeyInput, PublicKeyInput } from "./keys/key.ts";
import { parseLayer, type Outside } from "./layer.ts";
import { readLimits, type UnpackLimits } from "./unpack-limits.ts";
import { readPlaintext } from "./plaintext.ts";
import { parseJsonObject } from "./text/json-object.ts";
import { decodeUtf8 } from "./text/utf8.ts";
import type { Unpacked } from "./unpacked.ts";

/** Looks up a key by its id, an absolute DID URL. Returns `undefined` if the key is unknown. Errors are passed on by {@link unpack}. */
export type KeyLookup<Key> = (kid: string) => Key | undefined | Promise<Key | undefined>;

/** Options of {@link unpack}. */
export interface UnpackOptions {
  /** Our private keys. Called for each recipient of a message until it returns a key. */
  readonly recipientKey: KeyLookup<PrivateKeyInput>;
  /** The public key that a sender lists for `keyAgreement`. Without it, authcrypt messages are rejected. */
  readonly senderKey?: KeyLookup<PublicKeyInput>;
  /** The public key that a signer lists for `authentication`. Without it, signed messages are rejected. */
  readonly signerKey?: KeyLookup<PublicKeyInput>;
  readonly limits?: Partial<UnpackLimits>;
}

/**
 * Decrypts and verifies a message, and checks `from` and `to` against the keys of its envelopes.
 *
 * Accepts authcrypt, anoncrypt and signed messages, and the combinations that DIDComm allows: anoncrypt around authcrypt, and a signed message
 * inside either. Rejects a message without an envelope.
 *
 * @throws DidcommCryptoError with any code except `resolution_failed` and `key_purpose`.
 * @throws the error of a lookup.
 * @see {@link https://identity.foundation/didcomm-messaging/spec/v2.1/#message-formats | DIDComm v2.1, Message Formats}
 * @example
 * ```ts
 * import { unpack, type PrivateJwk } from "@parley/didcomm-crypto";
 * import type { PublicJwk } from "@parley/did";
 *
 * async function read(text: string, ownKeys: Map<string, PrivateJwk>, peers: Map<string, PublicJwk>): Promise<string> {
 *   const { message, sender } = await unpack(text, {
 *     recipientKey: (kid) => ownKeys.get(kid),
 *     senderKey: (kid) => peers.get(kid),
 *   });
 *   return `${sender ?? "anonymous"}: ${message.type}`;
 * }
 * ```
 */
export async function unpack(packed: string | Uint8Array, options: UnpackOptions): Promise<Unpacked> {
  const limits = readLimits(options.limits);
  if (packed.length > limits.maxLength) throw new DidcommCryptoError("too_large", `The message is longer than ${limits.maxLength} bytes`);
  const layers: OpenedLayer[] = [];
  let outside: Outside = "nothing";
  let text = typeof packed === "string" ? packed : textOf(packed);
  // Terminates: each layer allows fewer kinds inside than the one around it.
  for (;;) {
    const json = parseJsonObject(text, "The message", limits.maxDepth);
    const layer = parseLayer(json, outside, limits);
    if (layer.kind === "plaintext") {
      const { message, attachmentFaults } = readPlaintext(json);
      const result = checkAddressing(message, addressingOf(layers));
      if (!result.ok) throw new DidcommCryptoError(result.rejection.code, result.rejection.message);
      const metadata = metadataOf(layers);
      return { message, sender: metadata.authenticated ? message.from : undefined, plaintext: text, attachmentFaults, metadata };
    }
    if (layer.kind === "signed") {
      await verifySignature(layer.jws, options);
      layers.push(layer);
      text = textOf(layer.jws.payload);
    } else {
      const [recipientKid, content] = await decrypt(layer.jwe, options);
      layers.push({ kind: layer.kind, jwe: layer.jwe, recipientKid });
      text = textOf(content);
    }
    outside = layer.kind;
  }
}

async function decrypt(jwe: Jwe, options: UnpackOptions): Promise<[recipientKid: string, content: Uint8Array]> {
  const { kid, encryptedKey, own } = await findRecipient(jwe, options);
  if (own.curve !== jwe.header.epk.curve) throw new DidcommCryptoError("epk_invalid", "epk is not on the curve of the recipient key");
  const sender = jwe.header.skid === undefined ? undefined : await findSender(jwe.header.skid, own.curve, options);
  return [kid, decryptJwe(jwe, encryptedKey, { own, sender })];
}

async function findRecipient(
  { recipients }: Jwe,
  { recipientKey }: UnpackOptions,
): Promise<{ kid: string; encryptedKey: Uint8Array; own: ImportedKey<AgreementCurve> }> {
  for (const { kid, encryptedKey } of recipients) {
    // In sequence: the first is usually known.
    // oxlint-disable-next-line no-await-in-loop
    const key = await recipientKey(kid);
    if (key !== undefined) return { kid, encryptedKey, own: agreementPrivateKey(key) };
  }
  throw new DidcommCryptoError("recipient_unknown", "The message is not encrypted for any of our keys");
}

async function findSender(skid: string, curve: AgreementCurve, { senderKey }: UnpackOptions): Promise<ImportedKey<AgreementCurve>> {
  const key = await senderKey?.(skid);
  if (key === undefined) throw new DidcommCryptoError("key_not_found", "The sender's key is unknown");
  const sender = agreementPublicKey(key);
  if (sender.curve !== curve) throw new DidcommCryptoError("key_unsupported", "The sender's key is not on the curve of the recipient key");
  return sender;
}

async function verifySignature(jws: Jws, { signerKey }: UnpackOptions): Promise<void> {
  const key = await signerKey?.(jws.kid);
  if (key === undefined) throw new DidcommCryptoError("key_not_found", "The signer's key is unknown");
  verifyJws(jws, verifyingPublicKey(key));
}

function textOf(bytes: Uint8Array): string {
  const text = decodeUtf8(bytes);
  if (text === undefined) throw new DidcommCryptoError("envelope_invalid", "The message is not UTF-8");
  return text;
}

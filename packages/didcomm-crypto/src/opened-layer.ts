import type { Addressing } from "./check-addressing.ts";
import { didOfKid } from "./did-of-kid.ts";
import type { EncryptedLayer, SignedLayer } from "./layer.ts";
import type { UnpackMetadata } from "./unpacked.ts";

/** A decrypted or verified envelope. `recipientKid` is the id of the key that decrypted it. */
export type OpenedLayer = (EncryptedLayer & { readonly recipientKid: string }) | SignedLayer;

/** The metadata of a message. `layers` begins with the outermost. */
export function metadataOf(layers: readonly OpenedLayer[]): UnpackMetadata {
  const encrypted = layers.filter((layer) => layer.kind !== "signed");
  const signed = layers.find((layer) => layer.kind === "signed");
  const innermost = encrypted.at(-1);
  const encryptedFromKid = innermost?.jwe.header.skid;
  return {
    encrypted: innermost !== undefined,
    authenticated: encryptedFromKid !== undefined || signed !== undefined,
    signed: signed !== undefined,
    anonymousSender: encrypted[0]?.kind === "anoncrypt",
    encryptedToKids: innermost?.jwe.recipients.map(({ kid }) => kid) ?? [],
    ...(innermost && { recipientKid: innermost.recipientKid }),
    ...(encryptedFromKid !== undefined && { encryptedFromKid }),
    ...(signed && { signFromKid: signed.jws.kid, signAlg: signed.jws.alg }),
    encryption: encrypted.map(({ jwe: { header } }) => ({ alg: header.alg, enc: header.enc })),
  };
}

/** The sender and the recipients according to the envelopes. */
export function addressingOf(layers: readonly OpenedLayer[]): Addressing {
  const encrypted = layers.filter((layer) => layer.kind !== "signed");
  return {
    recipientDids: encrypted.map(({ jwe }) => jwe.recipientDid),
    senderDid: didOfKid(encrypted.at(-1)?.jwe.header.skid),
    signerDid: layers.find((layer) => layer.kind === "signed")?.jws.signerDid,
  };
}

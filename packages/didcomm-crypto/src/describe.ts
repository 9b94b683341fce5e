import type { Addressing } from "./addressing.ts";
import { didOfKid } from "./kid.ts";
import type { EncryptedLayer, SignedLayer } from "./layer.ts";
import type { UnpackMetadata } from "./unpacked.ts";

/** An envelope that has been opened; `recipientKid` is the id of the key that did it. */
export type OpenedLayer = (EncryptedLayer & { readonly recipientKid: string }) | SignedLayer;

/** What the envelopes of a message, the outermost first, prove about it. */
export function describe(layers: readonly OpenedLayer[]): UnpackMetadata {
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

/** What the plaintext inside of the envelopes must agree with. */
export function addressingOf(layers: readonly OpenedLayer[]): Addressing {
  const encrypted = layers.filter((layer) => layer.kind !== "signed");
  return {
    recipientDids: encrypted.map(({ jwe }) => jwe.recipientDid),
    senderDid: didOfKid(encrypted.at(-1)?.jwe.header.skid),
    signerDid: layers.find((layer) => layer.kind === "signed")?.jws.signerDid,
  };
}

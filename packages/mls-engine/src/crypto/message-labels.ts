import type { MessageCrypto } from "./mls-crypto.ts";
import { vectorSize, Writer } from "../codec/sized-writer.ts";

/** A label as it stands in what is signed or derived ([RFC 9420 §5.1.2](https://www.rfc-editor.org/rfc/rfc9420.html#section-5.1.2)). */
export function mlsLabel(label: string): Uint8Array {
  return new TextEncoder().encode(`MLS 1.0 ${label}`);
}

/** ExpandWithLabel ([RFC 9420 §8](https://www.rfc-editor.org/rfc/rfc9420.html#section-8)). */
export function expandWithLabel(
  crypto: MessageCrypto,
  secret: Uint8Array,
  label: Uint8Array,
  context: Uint8Array,
  length: number,
): Uint8Array {
  const info = new Writer(2 + vectorSize(label.length) + vectorSize(context.length));
  return crypto.expand(secret, info.u16(length).vector(label).vector(context).finish(), length);
}

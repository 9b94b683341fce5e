import { equalBytes } from "../codec/bytes.ts";
import type { MlsCredential } from "./credential.ts";
import { certificatesOf } from "./credential.ts";

const SEQUENCE = 0x30;
const BIT_STRING = 0x03;
/** The tag of the optional version number. */
const VERSION = 0xa0;
/** The number of fields between the version and the subject's public key (TBSCertificate, RFC 5280 §4.1). */
const BEFORE_PUBLIC_KEY = ["serialNumber", "signature", "issuer", "validity", "subject"].length;

/**
 * Whether the first certificate of an X.509 credential is for a signature key, as RFC 9420 §5.3 requires. The rest of the chain is not
 * verified: that is up to the application.
 */
export function certifiesKey(credential: MlsCredential, signatureKey: Uint8Array): boolean {
  const [leaf] = certificatesOf(credential) ?? [];
  const key = leaf && subjectPublicKey(leaf);
  return key !== undefined && equalBytes(key, signatureKey);
}

/** The subject's public key of a certificate in DER; `undefined` if the bytes are not a certificate. */
function subjectPublicKey(certificate: Uint8Array): Uint8Array | undefined {
  const toBeSigned = children(valueOf(certificate, SEQUENCE))?.[0];
  const fields = children(valueOf(toBeSigned?.whole, SEQUENCE));
  if (fields === undefined) return undefined;
  const start = fields[0]?.tag === VERSION ? 1 : 0;
  const info = fields[start + BEFORE_PUBLIC_KEY];
  const bits = info?.tag === SEQUENCE ? children(info.value)?.[1] : undefined;
  // The first byte is the number of unused bits at the end.
  return bits?.tag === BIT_STRING && bits.value[0] === 0 ? bits.value.subarray(1) : undefined;
}

interface Element {
  readonly tag: number;
  readonly value: Uint8Array;
  readonly whole: Uint8Array;
}

function valueOf(bytes: Uint8Array | undefined, tag: number): Uint8Array | undefined {
  const element = bytes && readElement(bytes);
  return element && element.tag === tag && element.whole.length === bytes.length ? element.value : undefined;
}

function children(bytes: Uint8Array | undefined): Element[] | undefined {
  if (bytes === undefined) return undefined;
  const elements: Element[] = [];
  for (let rest = bytes; rest.length > 0;) {
    const element = readElement(rest);
    if (element === undefined) return undefined;
    elements.push(element);
    rest = rest.subarray(element.whole.length);
  }
  return elements;
}

/** The first DER element. Lengths of more than three bytes are rejected. */
function readElement(bytes: Uint8Array): Element | undefined {
  const [tag, first] = bytes;
  if (tag === undefined || first === undefined || first === 0x80) return undefined;
  const lengthBytes = first < 0x80 ? 0 : first - 0x80;
  if (lengthBytes > 3 || bytes.length < 2 + lengthBytes) return undefined;
  let length = first < 0x80 ? first : 0;
  for (let at = 0; at < lengthBytes; at += 1) length = length * 256 + (bytes[2 + at] ?? 0);
  const start = 2 + lengthBytes;
  if (bytes.length < start + length) return undefined;
  return { tag, value: bytes.subarray(start, start + length), whole: bytes.subarray(0, start + length) };
}

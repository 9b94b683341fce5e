import { encode, vectorSize, Writer } from "../codec/writer.ts";
import type { Pause } from "../epoch/pause.ts";
import type { CipherSuite, HpkeCiphertext, HpkePlaintext } from "./cipher-suite.ts";

/*
 * Every derivation, signature and encryption of MLS is bound to a label "MLS 1.0 …", so that an output computed for one purpose is of no use
 * for another one. These functions are the only place where that is done.
 */

const EMPTY = new Uint8Array();
/** Fewer encryptions than these are done before another thread has started. */
const MIN_SHARED = 256;

/** ExpandWithLabel ([RFC 9420 §8](https://www.rfc-editor.org/rfc/rfc9420.html#section-8)). */
export function expandWithLabel(
  suite: CipherSuite,
  secret: Uint8Array,
  label: string,
  context: Uint8Array,
  length: number = suite.hashLength,
): Uint8Array {
  const name = labelBytes(label);
  const info = new Writer(2 + vectorSize(name.length) + vectorSize(context.length)).u16(length).vector(name).vector(context);
  return suite.expand(secret, info.finish(), length);
}

/** DeriveSecret (RFC 9420 §8). */
export function deriveSecret(suite: CipherSuite, secret: Uint8Array, label: string): Uint8Array {
  return expandWithLabel(suite, secret, label, EMPTY);
}

/** SignWithLabel ([RFC 9420 §5.1.2](https://www.rfc-editor.org/rfc/rfc9420.html#section-5.1.2)). */
export function signWithLabel(suite: CipherSuite, privateKey: Uint8Array, label: string, content: Uint8Array): Uint8Array {
  return suite.sign(privateKey, labelled(label, content));
}

/** VerifyWithLabel (RFC 9420 §5.1.2). `false` for a malformed key too. */
export function verifyWithLabel(
  suite: CipherSuite,
  publicKey: Uint8Array,
  label: string,
  content: Uint8Array,
  signature: Uint8Array,
): boolean {
  return suite.verify(publicKey, labelled(label, content), signature);
}

/** {@link verifyWithLabel}; in another thread if the suite has one. Never rejects. */
export async function verifyInBackgroundWithLabel(
  suite: CipherSuite,
  publicKey: Uint8Array,
  label: string,
  content: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  const message = labelled(label, content);
  return suite.verifyInBackground?.(publicKey, message, signature) ?? suite.verify(publicKey, message, signature);
}

/**
 * EncryptWithLabel ([RFC 9420 §5.1.3](https://www.rfc-editor.org/rfc/rfc9420.html#section-5.1.3)).
 *
 * @throws MlsEngineError `malformed` if the bytes are not a public key
 */
export function encryptWithLabel(
  suite: CipherSuite,
  publicKey: Uint8Array,
  label: string,
  context: Uint8Array,
  plaintext: Uint8Array,
): HpkeCiphertext {
  return suite.hpkeSeal(publicKey, labelled(label, context), EMPTY, plaintext);
}

/** {@link encryptWithLabel} for many recipients; with other threads if the suite has them. @throws MlsEngineError `malformed` */
export async function encryptAllWithLabel(
  suite: CipherSuite,
  messages: readonly HpkePlaintext[],
  label: string,
  context: Uint8Array,
  pause: Pause,
): Promise<HpkeCiphertext[]> {
  const info = labelled(label, context);
  if (suite.hpkeSealAll !== undefined && messages.length >= MIN_SHARED) return suite.hpkeSealAll(messages, info);
  const sealed: HpkeCiphertext[] = [];
  for (const { publicKey, plaintext } of messages) {
    sealed.push(suite.hpkeSeal(publicKey, info, EMPTY, plaintext));
    await pause();
  }
  return sealed;
}

/** DecryptWithLabel (RFC 9420 §5.1.3); `undefined` if the ciphertext isn't for this key, label and context. */
export function decryptWithLabel(
  suite: CipherSuite,
  privateKey: Uint8Array,
  label: string,
  context: Uint8Array,
  ciphertext: HpkeCiphertext,
): Uint8Array | undefined {
  return suite.hpkeOpen(privateKey, labelled(label, context), EMPTY, ciphertext);
}

/**
 * RefHash ([RFC 9420 §5.2](https://www.rfc-editor.org/rfc/rfc9420.html#section-5.2)): the identifier of a key package or a proposal.
 *
 * @param label with its prefix "MLS 1.0 "
 */
export function refHash(suite: CipherSuite, label: string, value: Uint8Array): Uint8Array {
  const name = new TextEncoder().encode(label);
  return suite.hash(encode((w) => w.vector(name).vector(value)));
}

/** Overwrites secrets that are no longer needed. The runtime may still hold copies; JavaScript gives no way to prevent that. */
export function erase(...secrets: readonly (Uint8Array | undefined)[]): void {
  for (const secret of secrets) secret?.fill(0);
}

/** `struct { opaque label<V> = "MLS 1.0 " + Label; opaque content<V>; }` */
function labelled(label: string, content: Uint8Array): Uint8Array {
  const name = labelBytes(label);
  return new Writer(vectorSize(name.length) + vectorSize(content.length)).vector(name).vector(content).finish();
}

/** The labels of RFC 9420 are a few dozen; those of applications (§8.5) may be any number. */
const MAX_CACHED_LABELS = 64;
const cachedLabels = new Map<string, Uint8Array>();

function labelBytes(label: string): Uint8Array {
  const cached = cachedLabels.get(label);
  if (cached !== undefined) return cached;
  const bytes = new TextEncoder().encode(`MLS 1.0 ${label}`);
  if (cachedLabels.size < MAX_CACHED_LABELS) cachedLabels.set(label, bytes);
  return bytes;
}

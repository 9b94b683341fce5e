import { RelayError } from "./relay-error.ts";

/** Longest channel name that the relay accepts, in bytes. The API server defines its form. */
const MAX_NAME_BYTES = 512;
const MAX_NAMED_BYTES = 64;
/** Fast path: matches most names. */
const PLAIN_NAME = /^[\w./:-]{1,512}$/;

/** @throws TypeError */
export function checkChannel(channel: string): void {
  if (PLAIN_NAME.test(channel)) return;
  const bytes = Buffer.from(channel);
  if (bytes.length === 0 || bytes.length > MAX_NAME_BYTES || bytes.toString() !== channel) {
    throw new TypeError(`A channel's name must be well-formed text of 1 to ${MAX_NAME_BYTES} bytes`);
  }
}

/** Checks a key or a reference. @throws TypeError */
export function checkName(name: Uint8Array, what: string): void {
  if (!(name instanceof Uint8Array) || name.length === 0 || name.length > MAX_NAMED_BYTES) {
    throw new TypeError(`${what} must be a Uint8Array of 1 to ${MAX_NAMED_BYTES} bytes`);
  }
}

/** @throws TypeError, RelayError `message_too_large` */
export function checkPayload(payload: Uint8Array, maxBytes: number): void {
  if (!(payload instanceof Uint8Array) || payload.length === 0) throw new TypeError("payload must be a non-empty Uint8Array");
  if (payload.length > maxBytes)
    throw new RelayError("message_too_large", `Message too large: the payload has ${payload.length} bytes, limit ${maxBytes}`);
}

/** @throws TypeError */
export function checkSequence(sequence: number, what: string): void {
  if (!Number.isSafeInteger(sequence) || sequence < 1) throw new TypeError(`${what} must be a sequence number: an integer of at least 1`);
}

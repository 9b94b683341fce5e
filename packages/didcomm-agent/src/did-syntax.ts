import { describeKind } from "@parley/core/eager";

/** The longest beginning of a text that is a DID's (https://www.w3.org/TR/did-core/#did-syntax). */
const DID = /^did:[a-z0-9]+:(?:[\w.:-]|%[0-9A-Fa-f]{2})*/;

/** A whole DID. Tested first: a match that is kept costs an object for each message. */
const WHOLE_DID = /^did:[a-z0-9]+:(?:[\w.:-]|%[0-9A-Fa-f]{2})*$/;

const MAX_LENGTH = 2048;
/** Longest part of a value that an error message quotes, in characters. */
const MAX_QUOTED = 200;

/** What must not be repeated in a message. */
const SECRET = /^(?:l8|sk_live|sk_test|skt_inv)_/;

/**
 * Checks a DID.
 *
 * @param name what the value is called in the message, such as `Config.agentDid`.
 * @throws TypeError naming the value, and the character that a DID can't have.
 */
export function requireDid(name: string, value: unknown): void {
  if (!isDid(value)) throw new TypeError(`${name} must be a DID such as "did:web:example.com:alice": ${describeInvalidDid(value)}`);
}

/** Checks a DID or a DID URL: `to` may name a key of the recipient. @throws TypeError as {@link requireDid}. */
export function requireDidUrl(name: string, value: unknown): void {
  requireDid(name, typeof value === "string" ? didPart(value) : value);
}

/** The DID of a DID URL. */
export function didOf(url: string): string {
  const end = url.search(/[/?#]/);
  return end === -1 ? url : url.slice(0, end);
}

function isDid(value: unknown): value is string {
  return typeof value === "string" && value.length <= MAX_LENGTH && WHOLE_DID.test(value) && !value.endsWith(":");
}

/** Why {@link isDid} is false, as the end of an error message. */
function describeInvalidDid(value: unknown): string {
  if (typeof value !== "string") return `it is ${describeKind(value)}`;
  if (value.length > MAX_LENGTH) return `it has more than ${MAX_LENGTH} characters`;
  const start = DID.exec(value)?.[0];
  if (SECRET.test(value)) return "it begins like an API key";
  const shown = JSON.stringify(value.slice(0, MAX_QUOTED));
  const wrong = start === undefined ? undefined : value.codePointAt(start.length);
  return wrong === undefined
    ? `${shown} is not one`
    : `${shown} has the character ${JSON.stringify(String.fromCodePoint(wrong))}, which DIDs can't have`;
}

function didPart(url: string): string {
  const end = url.search(/[/?#]/);
  return end === -1 || /\s/.test(url.slice(end)) ? url : url.slice(0, end);
}

import type { JsonObject } from "@parley/core";
import { DidcommCryptoError } from "../didcomm-crypto-error.ts";
import { didOfKid } from "../did-of-kid.ts";
import type { UnpackLimits } from "../unpack-limits.ts";
import { bytesOf, exactBytesOf, objectOf, objectsOf, stringOf } from "../text/member.ts";
import { parseProtectedHeader, checkNoMembers } from "../text/protected-header.ts";
import { DECIPHERS } from "./content/ciphers.ts";
import { readJweHeader, type JweHeader } from "./jwe-header.ts";
import { WRAP_OVERHEAD } from "./key-wrap.ts";

/** Media type of an encrypted message, without `application/`. */
export const ENCRYPTED_TYPE = "didcomm-encrypted+json";

/** One recipient of an encrypted message. */
export interface JweRecipient {
  readonly kid: string;
  readonly encryptedKey: Uint8Array;
}

/** A parsed encrypted message. */
export interface Jwe {
  /** The protected header as received: it is authenticated with the content. */
  readonly protectedText: string;
  readonly header: JweHeader;
  /** At least one. */
  readonly recipients: readonly JweRecipient[];
  /** The DID that all recipient keys belong to. */
  readonly recipientDid: string;
  readonly iv: Uint8Array;
  readonly ciphertext: Uint8Array;
  readonly tag: Uint8Array;
}

/** Header parameters that must be protected. */
const PROTECTED_ONLY = ["alg", "enc", "epk", "apu", "apv", "skid", "typ", "cty", "crit", "zip", "encrypted_skid"];

/**
 * Parses an encrypted message in either JSON serialization (RFC 7516, section 7.2). Cheap checks come first.
 *
 * @throws DidcommCryptoError
 */
export function parseJwe(envelope: JsonObject, limits: UnpackLimits): Jwe {
  checkNoMembers(envelope, ["unprotected", "aad"], "The envelope");
  const entries = recipientsOf(envelope, limits.maxRecipients);
  const kids = entries.map(readKid);
  const recipientDid = commonDid(kids);
  const protectedText = stringOf(envelope, "protected");
  const header = readJweHeader(parseProtectedHeader(protectedText, ENCRYPTED_TYPE, limits), kids);
  const { keyLength, ivLength, tagLength } = DECIPHERS[header.enc];
  return {
    protectedText,
    header,
    recipients: entries.map((entry, index) => ({
      kid: kids[index] ?? "",
      encryptedKey: exactBytesOf(entry, "encrypted_key", keyLength + WRAP_OVERHEAD),
    })),
    recipientDid,
    iv: exactBytesOf(envelope, "iv", ivLength),
    tag: exactBytesOf(envelope, "tag", tagLength),
    ciphertext: bytesOf(envelope, "ciphertext"),
  };
}

function recipientsOf(envelope: JsonObject, maxRecipients: number): readonly JsonObject[] {
  const { recipients } = envelope;
  if (recipients === undefined) return [envelope];
  checkNoMembers(envelope, ["header", "encrypted_key"], "An envelope with recipients");
  const entries = objectsOf(recipients);
  if (entries === undefined) throw new DidcommCryptoError("envelope_invalid", "recipients must be a list of at least one object");
  if (entries.length > maxRecipients) throw new DidcommCryptoError("too_large", `The message has more than ${maxRecipients} recipients`);
  return entries;
}

function readKid(entry: JsonObject): string {
  const header = objectOf(entry, "header");
  checkNoMembers(header, PROTECTED_ONLY, "A recipient's header");
  const { kid } = header;
  if (typeof kid !== "string") throw new DidcommCryptoError("kid_invalid", "A recipient has no kid");
  return kid;
}

/** All recipient keys belong to one DID: messages to several DIDs are encrypted for each of them (DIDComm v2.1, Message Encryption). */
function commonDid(kids: readonly string[]): string {
  const did = didOfKid(kids[0]);
  if (did === undefined || kids.some((kid, index) => index > 0 && didOfKid(kid) !== did)) {
    throw new DidcommCryptoError("kid_invalid", "The kids of the recipients must be absolute DID URLs of one DID");
  }
  if (new Set(kids).size !== kids.length) throw new DidcommCryptoError("kid_invalid", "A recipient is listed twice");
  return did;
}

import type { JsonValue } from "@parley/core";
import { encodeBase64url, isJsonArray } from "@parley/core/internal";
import { decodeBase64urlText } from "../decode-base64url-text.ts";
import { parseJsonObject } from "../json.ts";
import { VcError } from "../vc-error.ts";
import { digestOf, type HashAlgorithm } from "./hash.ts";

/** Claim names that disclosures must not have (RFC 9901, section 4.2.1). */
export const RESERVED_NAMES: ReadonlySet<string> = new Set(["_sd", "..."]);

/** A disclosure: the salt, and the name and the value of a member, or the value of an element of a list. */
export interface Disclosure {
  /** As sent: base64url of a JSON array. */
  readonly text: string;
  readonly digest: string;
  /** Absent for an element of a list. */
  readonly name?: string;
  readonly value: JsonValue;
}

const SALT_BYTES = 16;

/** Creates a disclosure with a new salt of 128 bits. `name` is absent for an element of a list. */
export async function createDisclosure(name: string | undefined, value: JsonValue): Promise<Disclosure> {
  const salt = encodeBase64url(crypto.getRandomValues(new Uint8Array(SALT_BYTES)));
  const content = name === undefined ? [salt, value] : [salt, name, value];
  const text = encodeBase64url(new TextEncoder().encode(JSON.stringify(content)));
  return { text, digest: await digestOf(text, "sha-256"), value, ...(name !== undefined && { name }) };
}

/**
 * Parses a disclosure.
 *
 * @throws VcError `disclosure_invalid`, `too_large`
 * @see {@link https://www.rfc-editor.org/rfc/rfc9901#section-4.2 | RFC 9901, section 4.2}
 */
export async function readDisclosure(text: string, algorithm: HashAlgorithm): Promise<Disclosure> {
  const content = parseContent(text);
  const [salt, ...rest] = content;
  const value = rest.pop();
  const [name] = rest;
  if (rest.length > 1 || value === undefined || typeof salt !== "string" || (rest.length === 1 && typeof name !== "string")) {
    throw invalid("A disclosure must have a salt, the name of a member unless it is an element of a list, and a value");
  }
  if (typeof name === "string" && RESERVED_NAMES.has(name)) throw invalid(`A disclosure must not have the name ${name}`);
  return { text, digest: await digestOf(text, algorithm), value, ...(typeof name === "string" && { name }) };
}

function parseContent(text: string): readonly JsonValue[] {
  const json = decodeBase64urlText(text);
  if (json === undefined) throw invalid("A disclosure is not base64url of UTF-8");
  let members;
  try {
    // As the member of an object, which is parsed strictly. Text that closes the object early adds another member.
    members = parseJsonObject(`{"disclosure":${json}}`, "A disclosure");
  } catch (error) {
    if (!(error instanceof VcError) || error.code !== "malformed") throw error;
    throw new VcError("disclosure_invalid", error.message, { cause: error });
  }
  const { disclosure, ...others } = members;
  if (!isJsonArray(disclosure) || Object.keys(others).length > 0) throw invalid("A disclosure must be a JSON array");
  return disclosure;
}

function invalid(message: string): VcError {
  return new VcError("disclosure_invalid", message);
}

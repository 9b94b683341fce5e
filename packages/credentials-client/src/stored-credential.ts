import { isJsonObject, type JsonObject } from "@parley/core";
import { isDid } from "@parley/did/syntax";
import { RestError } from "./rest-error.ts";
import type { Answer } from "./http.ts";

/** A credential in the node's store. */
export interface StoredCredential {
  readonly id: string;
  readonly holderDid: string;
  /** The signed credential, as stored. */
  readonly credentialJwt: string;
  /** A DID, or a URL if the credential names one as its issuer. */
  readonly issuerDid?: string;
  /** RFC 3339 text, as stored. */
  readonly validUntil?: string;
}

/** One page of a listing. */
export interface Page {
  readonly credentials: readonly StoredCredential[];
  /** Cursor of the next page. */
  readonly next: string | undefined;
}

/** Longest cursor in characters: it must fit into a URL. */
const MAX_CURSOR = 4096;

/** Reads a signed credential or presentation. An object, which some nodes return for the `json` format, is serialized. @throws RestError */
export function readSigned(answer: Answer, member: "signed_credential" | "signed_presentation"): string {
  const signed = answer.body[member];
  if (typeof signed === "string" && signed !== "") return signed;
  if (isJsonObject(signed)) {
    try {
      return JSON.stringify(signed);
    } catch {
      // nested too deeply to be serialized
    }
  }
  throw invalid(answer, `has no ${member}`);
}

/** Reads a required object. @throws RestError */
export function readObject(answer: Answer, member: "credential" | "presentation" | "headers" | "did_document"): JsonObject {
  const value = answer.body[member];
  if (isJsonObject(value)) return value;
  throw invalid(answer, `has no ${member}`);
}

/** Reads a stored credential. @throws RestError */
export function readStored(answer: Answer): StoredCredential {
  return storedFrom(answer, answer.body);
}

/** Reads a page of a listing. Older nodes return everything in one page. @throws RestError */
export function readPage(answer: Answer): Page {
  const { credentials, next } = answer.body;
  if (!Array.isArray(credentials)) throw invalid(answer, "has no credentials");
  if (next !== undefined && next !== null && (typeof next !== "string" || next.length > MAX_CURSOR)) {
    throw invalid(answer, "has a cursor that is not a string, or too long");
  }
  return {
    credentials: credentials.map((entry: unknown) => storedFrom(answer, entry)),
    next: next === null || next === "" ? undefined : next,
  };
}

function storedFrom(answer: Answer, entry: unknown): StoredCredential {
  if (!isJsonObject(entry)) throw invalid(answer, "has a stored credential that is not an object");
  const { id, holder_did: holderDid, credential_jwt: credentialJwt, issuer_did: issuerDid, valid_until: validUntil } = entry;
  if (typeof id !== "string" || id === "") throw invalid(answer, "has a stored credential without id");
  if (typeof credentialJwt !== "string" || credentialJwt === "") throw invalid(answer, "has a stored credential without credential_jwt");
  if (typeof holderDid !== "string" || !isDid(holderDid)) throw invalid(answer, "has a stored credential whose holder_did is not a DID");
  const issuer = optionalText(answer, "issuer_did", issuerDid);
  const until = optionalText(answer, "valid_until", validUntil);
  return {
    id,
    holderDid,
    credentialJwt,
    ...(issuer === undefined ? {} : { issuerDid: issuer }),
    ...(until === undefined ? {} : { validUntil: until }),
  };
}

/** Reads an optional string. Some nodes write `null` or an empty string for a missing one. */
function optionalText(answer: Answer, member: string, value: unknown): string | undefined {
  if (value === undefined || value === null || value === "") return undefined;
  if (typeof value === "string") return value;
  throw invalid(answer, `has a stored credential whose ${member} is not a string`);
}

/** Creates the error for a malformed response. `problem` completes the sentence "The node's response …". */
export function invalid({ status }: Answer, problem: string): RestError {
  return new RestError("response_invalid", `The node's response ${problem}`, { status });
}

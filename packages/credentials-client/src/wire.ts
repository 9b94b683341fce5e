import { isJsonObject, type JsonObject } from "@parley/core";
import { isDid } from "@parley/did";
import { RestError } from "./errors.ts";
import type { Answer } from "./http.ts";

/** A credential in the node's store. */
export interface StoredCredential {
  readonly id: string;
  readonly holderDid: string;
  /** The signed credential as it was stored. */
  readonly credentialJwt: string;
  /** A DID, or the URL that a credential may name as its issuer. */
  readonly issuerDid?: string;
  /** RFC 3339 text, as it was stored. */
  readonly validUntil?: string;
}

/** One page of a listing. */
export interface Page {
  readonly credentials: readonly StoredCredential[];
  /** Asks for the page after it. */
  readonly next: string | undefined;
}

/** Characters of a cursor: it has to fit into a URL. */
const MAX_CURSOR = 4096;

/** A signed credential or presentation. Some nodes answer an object for the `json` format; it becomes its text. @throws RestError */
export function readSigned(answer: Answer, member: "signed_credential" | "signed_presentation"): string {
  const signed = answer.body[member];
  if (typeof signed === "string" && signed !== "") return signed;
  if (isJsonObject(signed)) {
    try {
      return JSON.stringify(signed);
    } catch {
      // nested deeper than can be written
    }
  }
  throw invalid(answer, `has no ${member}`);
}

/** An object that must be there. @throws RestError */
export function readObject(answer: Answer, member: "credential" | "presentation" | "headers"): JsonObject {
  const value = answer.body[member];
  if (isJsonObject(value)) return value;
  throw invalid(answer, `has no ${member}`);
}

/** A stored credential. @throws RestError */
export function readStored(answer: Answer): StoredCredential {
  return storedFrom(answer, answer.body);
}

/** A page of a listing; older nodes answer with everything at once. @throws RestError */
export function readPage(answer: Answer): Page {
  const { credentials, next } = answer.body;
  if (!Array.isArray(credentials)) throw invalid(answer, "has no credentials");
  if (next !== undefined && next !== null && (typeof next !== "string" || next.length > MAX_CURSOR)) {
    throw invalid(answer, "has a cursor that is no text, or too long");
  }
  return {
    credentials: credentials.map((entry: unknown) => storedFrom(answer, entry)),
    next: next === null || next === "" ? undefined : next,
  };
}

function storedFrom(answer: Answer, entry: unknown): StoredCredential {
  if (!isJsonObject(entry)) throw invalid(answer, "has a stored credential that is no object");
  const { id, holder_did: holderDid, credential_jwt: credentialJwt, issuer_did: issuerDid, valid_until: validUntil } = entry;
  if (typeof id !== "string" || id === "") throw invalid(answer, "has a stored credential without id");
  if (typeof credentialJwt !== "string" || credentialJwt === "") throw invalid(answer, "has a stored credential without credential_jwt");
  if (typeof holderDid !== "string" || !isDid(holderDid)) throw invalid(answer, "has a stored credential whose holder_did is no DID");
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

/** Some nodes write `null` or an empty text for what is not there. */
function optionalText(answer: Answer, member: string, value: unknown): string | undefined {
  if (value === undefined || value === null || value === "") return undefined;
  if (typeof value === "string") return value;
  throw invalid(answer, `has a stored credential whose ${member} is no text`);
}

/** The error for an answer that is not what was asked for. `problem` goes on from "The node's answer". */
export function invalid({ status }: Answer, problem: string): RestError {
  return new RestError("response_invalid", `The node's answer ${problem}`, { status });
}

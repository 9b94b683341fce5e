import type { JsonObject, JsonValue } from "@parley/core";
import { checkJson } from "@parley/core/internal";
import type { CredentialFormat } from "@parley/vc";
import { RestError } from "./rest-error.ts";
import type { Http } from "./http.ts";
import { writeCredential, writeDate, type Credential } from "./credential.ts";
import type { CredentialsLimits } from "./credentials-client-options.ts";
import { invalid, readObject, readPage, readSigned, readStored, type StoredCredential } from "./stored-credential.ts";

/** Options of every call. */
export interface CallOptions {
  /** Aborts the call; its promise is rejected with the signal's reason. The node may have processed the request already. */
  readonly signal?: AbortSignal;
}

/** Options of `signCredential`. */
export interface SignCredentialOptions extends CallOptions {
  /** The DID that signs. Default: the client's. */
  readonly issuerDid?: string;
  /** Default `compact_jwt`. */
  readonly format?: CredentialFormat;
  /** Adds a status that `setCredentialStatus` changes, in the status lists that the node publishes. Default `false`. */
  readonly revocable?: boolean;
}

/** The status that an issuer gives a credential. A revocation is final. */
export type CredentialState = "valid" | "suspended" | "revoked";

/** Options of `setCredentialStatus`. */
export interface SetCredentialStatusOptions extends CallOptions {
  /** The issuer. Default: the client's DID. */
  readonly issuerDid?: string;
}

/** Options of `verifyCredential`. */
export interface VerifyCredentialOptions extends CallOptions {
  /** The DID that the node verifies for. Default: the client's. */
  readonly verifierDid?: string;
}

/** Options of `storeCredential`. */
export interface StoreCredentialOptions extends CallOptions {
  /** The DID whose store receives it. Default: the client's. */
  readonly holderDid?: string;
  /** The issuer that the credential must name: a DID or a URL. Default: not checked. */
  readonly issuerDid?: string;
  /** End of validity: a Date or RFC 3339 text. A node rejects a value that contradicts the credential. Default: the credential's own. */
  readonly validUntil?: Date | string;
}

/** Options of `listCredentials`. */
export interface ListCredentialsOptions extends CallOptions {
  /** The DID whose store is listed. Default: the client's. */
  readonly holderDid?: string;
}

/** A credential that the node has verified. */
export interface CredentialVerification {
  readonly credential: JsonObject;
  /** Protected header of the JWS; for `json`, the proof without its value. */
  readonly headers: JsonObject;
}

const PATH = "/api/v1/credentials";
/** Pages of one listing. Without a limit, a faulty node could keep a client busy for ever. */
const MAX_PAGES = 1_000;

export async function sign(
  http: Http,
  credential: Credential,
  {
    issuerDid,
    format,
    revocable,
    signal,
  }: { issuerDid: string; format: CredentialFormat; revocable: boolean | undefined; signal: AbortSignal | undefined },
): Promise<string> {
  const written = writeCredential(credential, issuerDid);
  checkJson("A credential", "credential", written);
  const body = { credential: written, issuer_did: issuerDid, format, revocable };
  return readSigned(await http.call({ method: "POST", path: `${PATH}/sign`, body, signal }), "signed_credential");
}

export async function setStatus(
  http: Http,
  subject: { signed_credential: string } | { credential_status: JsonValue },
  status: CredentialState,
  { issuerDid, signal }: { issuerDid: string; signal: AbortSignal | undefined },
): Promise<void> {
  const body = { issuer_did: issuerDid, status, ...subject };
  const answer = await http.call({ method: "POST", path: `${PATH}/status`, body, signal });
  if (answer.body["status"] !== status) throw invalid(answer, "has another status");
}

export async function verify(
  http: Http,
  signed: string,
  { verifierDid, signal }: { verifierDid: string; signal: AbortSignal | undefined },
): Promise<CredentialVerification> {
  const body = { signed_credential: signed, verifier_did: verifierDid };
  const answer = await http.call({ method: "POST", path: `${PATH}/verify`, body, signal });
  return { credential: readObject(answer, "credential"), headers: readObject(answer, "headers") };
}

export async function store(
  http: Http,
  signed: string,
  { holderDid, issuerDid, validUntil, signal }: StoreCredentialOptions & { holderDid: string },
): Promise<StoredCredential> {
  const body = {
    holder_did: holderDid,
    credential_jwt: signed,
    issuer_did: issuerDid,
    valid_until: validUntil === undefined ? undefined : writeDate("validUntil", validUntil),
  };
  const answer = await http.call({ method: "POST", path: PATH, body, signal });
  const stored = readStored(answer);
  if (stored.holderDid !== holderDid) throw invalid(answer, "is about another holder");
  return stored;
}

/** Reads all pages, one after the other. */
export async function list(
  http: Http,
  { holderDid, signal }: { holderDid: string; signal: AbortSignal | undefined },
  { maxCredentials, maxListLength }: Required<CredentialsLimits>,
): Promise<readonly StoredCredential[]> {
  const found: StoredCredential[] = [];
  const cursors = new Set<string>();
  const query = new URLSearchParams({ holder_did: holderDid });
  for (let length = 0; ;) {
    const answer = await http.call({ method: "GET", path: `${PATH}?${query.toString()}`, signal });
    const { credentials, next } = readPage(answer);
    if (credentials.some((credential) => credential.holderDid !== holderDid)) throw invalid(answer, "is about another holder");
    found.push(...credentials);
    length += credentials.reduce((sum, { credentialJwt }) => sum + credentialJwt.length, 0);
    if (found.length > maxCredentials) throw tooMany(`more than ${maxCredentials} credentials`);
    if (length > maxListLength) throw tooMany(`credentials of more than ${maxListLength} characters`);
    if (next === undefined) return found;
    if (cursors.has(next)) throw invalid(answer, "leads back to an earlier page");
    if (cursors.add(next).size >= MAX_PAGES) throw tooMany(`more than ${MAX_PAGES} pages`);
    query.set("cursor", next);
  }
}

export async function get(http: Http, id: string, signal: AbortSignal | undefined): Promise<StoredCredential> {
  const answer = await http.call({ method: "GET", path: `${PATH}/${encodeURIComponent(id)}`, signal });
  const stored = readStored(answer);
  if (stored.id !== id) throw invalid(answer, "is about another credential");
  return stored;
}

function tooMany(what: string): RestError {
  return new RestError("too_many_credentials", `The listing has ${what}`);
}

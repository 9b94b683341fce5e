import type { JsonObject } from "@parley/core";
import { describeKind, rejectUnknownOptions } from "@parley/core/eager";
import { lazily } from "@parley/core/lazily";
import { isDid } from "@parley/did/syntax";
import type { CredentialFormat } from "@parley/vc";
import type {
  CallOptions,
  CredentialState,
  CredentialVerification,
  ListCredentialsOptions,
  SetCredentialStatusOptions,
  SignCredentialOptions,
  StoreCredentialOptions,
  VerifyCredentialOptions,
} from "./credentials.ts";
import type { MediatorOptions } from "./mediator-options.ts";
import { readEndpoint } from "./endpoint.ts";
import { derivedGrant, type DelegateGrantOptions } from "./grants/delegate-grant.ts";
import type { Http } from "./http.ts";
import { text, type Credential } from "./credential.ts";
import { readSettings, type CredentialsClientOptions, type CredentialsLimits } from "./credentials-client-options.ts";
import type { PresentationVerification, SignPresentationOptions, VerifyPresentationOptions } from "./presentations.ts";
import type { StoredCredential } from "./stored-credential.ts";

/** HTTP is loaded by the first call. */
const loadCalls = lazily(() => import("./calls.ts"));
/** Signatures are loaded by the first one that is made here. */
const loadSigning = lazily(() => import("./sign-locally.ts"));

/**
 * Signs, verifies, stores and presents Verifiable Credentials through a node's REST API. The node holds the keys and verifies; to verify
 * without trusting a node, use `verifyLocally`.
 *
 * A call that names no DID acts for the client's `did`. Calls fail with a {@link RestError}, or with the reason of their `signal`. A wrong
 * argument or a missing DID is a `TypeError`. Only `listCredentials`, `getCredential` and `readDidDocument` are retried, so that nothing is written twice.
 *
 * @throws TypeError naming the option that is wrong.
 * @example
 * ```ts
 * import { CredentialsClient } from "layr8";
 *
 * const { LAYR8_NODE_URL: nodeUrl = "", LAYR8_API_KEY: apiKey = "" } = process.env;
 * const credentials = new CredentialsClient({ nodeUrl, apiKey, did: "did:web:localhost:acme" });
 * const signed = await credentials.signCredential({
 *   credentialSubject: { id: "did:web:partner.example:agent", name: "Acme Corp" },
 * });
 * await credentials.storeCredential(signed);
 * await credentials.close();
 * ```
 */
export class CredentialsClient implements AsyncDisposable {
  readonly #options: CredentialsClientOptions;
  readonly #limits: Required<CredentialsLimits>;
  readonly #did: () => string | undefined;
  #http: Http | undefined;
  #isClosed = false;

  constructor(options: CredentialsClientOptions) {
    this.#limits = readSettings(options).limits;
    const { did } = options;
    if (did !== undefined && typeof did !== "function") readDid("did", did);
    this.#did = typeof did === "function" ? did : () => did;
    readEndpoint(options.nodeUrl);
    this.#options = { ...options };
  }

  /**
   * Signs a credential with the issuer's assertion key, on the node unless there is a `signingKey` here, and returns the signed text. A missing `id`, `issuer`, context and type
   * are filled in. The signing DID is the option `issuerDid`; members of the credential are signed unchanged.
   */
  async signCredential(credential: Credential, options: SignCredentialOptions = {}): Promise<string> {
    rejectUnknownOptions(options, ["issuerDid", "format", "revocable", "signal"]);
    const { issuerDid, format, revocable, signal } = options;
    if (revocable !== undefined && typeof revocable !== "boolean") throw new TypeError("revocable must be true or false");
    const issuer = this.#didOr("issuerDid", issuerDid);
    const key = this.#options.signingKey && (await this.#options.signingKey(issuer));
    if (key !== undefined) {
      const { signCredentialHere } = await loadSigning();
      return signCredentialHere(credential, { key, issuerDid: issuer, format: formatOr(format), revocable });
    }
    const { credentials, http } = await this.#load();
    return credentials.sign(http, credential, { issuerDid: issuer, format: formatOr(format), revocable, signal });
  }

  /**
   * Revokes, suspends or resumes (`valid`) a credential that was signed as `revocable`. Verifiers know the new status within a minute, or the
   * node's `limits.statusListTtlMs`.
   *
   * @param credential the signed credential, or its `credentialStatus`, which is enough to keep.
   * @throws RestError `status_unknown`, `status_final` for a change of a revoked credential
   * @example
   * ```ts
   * import type { CredentialsClient } from "@parley/credentials-client";
   *
   * async function dismiss(credentials: CredentialsClient, signed: string): Promise<void> {
   *   await credentials.setCredentialStatus(signed, "revoked");
   * }
   * ```
   */
  async setCredentialStatus(
    credential: string | JsonObject | readonly JsonObject[],
    status: CredentialState,
    options: SetCredentialStatusOptions = {},
  ): Promise<void> {
    rejectUnknownOptions(options, ["issuerDid", "signal"]);
    const { issuerDid, signal } = options;
    const issuer = this.#didOr("issuerDid", issuerDid);
    if (!STATES.has(status)) throw new TypeError(`status must be one of ${[...STATES].join(", ")}`);
    if (typeof credential !== "string" && (typeof credential !== "object" || credential === null)) {
      throw new TypeError("credential must be a signed credential, or the credentialStatus of one");
    }
    const subject =
      typeof credential === "string" ? { signed_credential: pasted("credential", credential) } : { credential_status: credential };
    const { credentials, http } = await this.#load();
    return credentials.setStatus(http, subject, status, { issuerDid: issuer, signal });
  }

  /** Verifies a signed credential of any format on the node. An invalid one is rejected with a RestError that has the node's code. */
  async verifyCredential(signed: string, options: VerifyCredentialOptions = {}): Promise<CredentialVerification> {
    rejectUnknownOptions(options, ["verifierDid", "signal"]);
    const { verifierDid, signal } = options;
    const verifier = this.#didOr("verifierDid", verifierDid);
    const { credentials, http } = await this.#load();
    return credentials.verify(http, pasted("signed", signed), { verifierDid: verifier, signal });
  }

  /** Stores a signed credential in the holder's store on the node. */
  async storeCredential(signed: string, options: StoreCredentialOptions = {}): Promise<StoredCredential> {
    rejectUnknownOptions(options, ["holderDid", "issuerDid", "validUntil", "signal"]);
    if (options.issuerDid !== undefined) text("issuerDid", options.issuerDid);
    const holderDid = this.#didOr("holderDid", options.holderDid);
    const { credentials, http } = await this.#load();
    return credentials.store(http, pasted("signed", signed), { ...options, holderDid });
  }

  /**
   * Lists all credentials in the holder's store, following all pages.
   *
   * @throws RestError `too_many_credentials` beyond `limits.maxCredentials`, `limits.maxListLength` or 1,000 pages.
   */
  async listCredentials(options: ListCredentialsOptions = {}): Promise<readonly StoredCredential[]> {
    rejectUnknownOptions(options, ["holderDid", "signal"]);
    const { holderDid, signal } = options;
    const { credentials, http } = await this.#load();
    return credentials.list(http, { holderDid: this.#didOr("holderDid", holderDid), signal }, this.#limits);
  }

  /** Gets a stored credential by the `id` that the node assigned. @throws RestError `not_found` */
  async getCredential(id: string, options: CallOptions = {}): Promise<StoredCredential> {
    rejectUnknownOptions(options, ["signal"]);
    // `.` and `..` would be path segments; a lone surrogate can't be percent-encoded.
    if (/^\.{1,2}$|\p{Cs}/u.test(text("id", id))) throw new TypeError("id is not the id of a stored credential");
    const { credentials, http } = await this.#load();
    return credentials.get(http, id, options.signal);
  }

  /** Creates a presentation of signed credentials on the node, signed with the holder's authentication key. */
  async signPresentation(signed: readonly string[], options: SignPresentationOptions = {}): Promise<string> {
    rejectUnknownOptions(options, ["holderDid", "format", "nonce", "audience", "signal"]);
    if (!Array.isArray(signed)) throw new TypeError("credentials must be a list of signed credentials");
    const credentials = signed.map((entry) => pasted("credentials", entry));
    if (options.nonce !== undefined) text("nonce", options.nonce);
    for (const audience of [options.audience ?? []].flat()) text("audience", audience);
    const holderDid = this.#didOr("holderDid", options.holderDid);
    if (credentials.length === 0) {
      throw new TypeError("credentials is empty: give at least one signed credential, such as signCredential or listCredentials returns");
    }
    const key = this.#options.signingKey && (await this.#options.signingKey(holderDid));
    if (key !== undefined) {
      const { nonce, audience, format } = options;
      const { signPresentationHere } = await loadSigning();
      return signPresentationHere(credentials, { key, holderDid, format: formatOr(format), nonce, audience });
    }
    const { presentations, http } = await this.#load();
    return presentations.signPresentation(http, credentials, { ...options, holderDid, format: formatOr(options.format) });
  }

  /** Verifies a presentation and each credential in it on the node. An invalid one is rejected with a RestError that has the node's code. */
  async verifyPresentation(signed: string, options: VerifyPresentationOptions = {}): Promise<PresentationVerification> {
    rejectUnknownOptions(options, ["verifierDid", "nonce", "signal"]);
    if (options.nonce !== undefined) text("nonce", options.nonce);
    const verifierDid = this.#didOr("verifierDid", options.verifierDid);
    const { presentations, http } = await this.#load();
    return presentations.verifyPresentation(http, pasted("signed", signed), { ...options, verifierDid });
  }

  /**
   * Derives a grant for a DID directly below the holder's, and has the node sign it as the holder. The result permits at most what the given grant permits, and
   * ends with it: nodes verify both. The new holder stores it, or the program with `storeCredential`.
   *
   * @throws TypeError naming the argument that is wrong; RestError
   */
  async delegateGrant(signed: string, options: DelegateGrantOptions): Promise<string> {
    const { issuerDid, credential } = derivedGrant(pasted("signed", signed), options);
    return this.signCredential(credential, { issuerDid, ...(options.signal !== undefined && { signal: options.signal }) });
  }

  /**
   * Names the mediator through which others reach a DID, in the DID's document. Without `mediator`, the document has none from then on.
   *
   * @throws RestError `did_unknown`, `did_not_allowed`, or the code of another node.
   */
  async setMediator(mediator: string | undefined, options: MediatorOptions = {}): Promise<void> {
    rejectUnknownOptions(options, ["did", "signal"]);
    const did = this.#didOr("did", options.did);
    const { mediators, http } = await this.#load();
    await mediators.setMediator(http, did, mediator === undefined ? undefined : readDid("mediator", mediator), options.signal);
  }

  /**
   * Reads the document of a DID, as the node resolves it. Not checked.
   *
   * @throws RestError `not_found`, or the node's code
   */
  async readDidDocument(did: string, options: CallOptions = {}): Promise<JsonObject> {
    rejectUnknownOptions(options, ["signal"]);
    readDid("did", did);
    const { readDidDocument, http } = await this.#load();
    return readDidDocument(http, did, options.signal);
  }

  /** Rejects calls in progress with `closed`, and closes all connections. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#http?.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #load(): Promise<typeof import("./calls.ts") & { readonly http: Http }> {
    const calls = await loadCalls();
    this.#http ??= new calls.Http(this.#options);
    // The client was closed before its first call, which then ends with `closed`.
    if (this.#isClosed) await this.#http.close();
    return { ...calls, http: this.#http };
  }

  #didOr(option: string, given: string | undefined): string {
    const did = given ?? this.#did();
    if (did === undefined) throw new TypeError(`No DID to act for: give ${option}, or the client a did`);
    return readDid(given === undefined ? "did" : option, did);
  }
}

/** Returns a valid DID without surrounding white space, which is often pasted with it. */
function readDid(name: string, did: unknown): string {
  const trimmed = typeof did === "string" ? did.trim() : "";
  if (!isDid(trimmed)) throw new TypeError(`${name} must be a DID, such as did:web:node.example:my-agent, not ${shown(did)}`);
  return trimmed;
}

/** Returns signed text without surrounding white space, which is often pasted with it. */
function pasted(name: string, value: unknown): string {
  return text(name, typeof value === "string" ? value.trim() : value);
}

function shown(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value.slice(0, 200)) : describeKind(value);
}

const STATES: ReadonlySet<string> = new Set<CredentialState>(["valid", "suspended", "revoked"]);

const FORMATS: ReadonlySet<string> = new Set<CredentialFormat>(["compact_jwt", "jwt", "json", "enveloped"]);

function formatOr(format: CredentialFormat = "compact_jwt"): CredentialFormat {
  if (FORMATS.has(format)) return format;
  throw new TypeError(`format must be one of ${[...FORMATS].join(", ")}`);
}

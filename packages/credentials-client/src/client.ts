import { describeKind, rejectUnknownOptions } from "@parley/core/internal";
import { isDid } from "@parley/did";
import type { CredentialFormat } from "@parley/vc";
import * as credentials from "./credentials.ts";
import type {
  CallOptions,
  CredentialVerification,
  ListCredentialsOptions,
  SignCredentialOptions,
  StoreCredentialOptions,
  VerifyCredentialOptions,
} from "./credentials.ts";
import { Http } from "./http.ts";
import { text, type Credential } from "./model.ts";
import { readSettings, type CredentialsClientOptions, type CredentialsLimits } from "./options.ts";
import * as presentations from "./presentations.ts";
import type { PresentationVerification, SignPresentationOptions, VerifyPresentationOptions } from "./presentations.ts";
import type { StoredCredential } from "./wire.ts";

/**
 * Signs, verifies, stores and presents Verifiable Credentials through a node's REST API. The node holds the keys and does the
 * verification; `verifyLocally` is for whoever needs not trust it.
 *
 * Where a call names no DID, the client's `did` acts. Calls fail with a {@link RestError}, or with the reason of their `signal`; a wrong
 * argument, a missing DID among them, is a `TypeError`. Nothing is written twice: only `listCredentials` and `getCredential` are retried.
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
  readonly #http: Http;
  readonly #limits: Required<CredentialsLimits>;
  readonly #did: () => string | undefined;

  constructor(options: CredentialsClientOptions) {
    this.#limits = readSettings(options).limits;
    const { did } = options;
    if (did !== undefined && typeof did !== "function") readDid("did", did);
    this.#did = typeof did === "function" ? did : () => did;
    this.#http = new Http(options);
  }

  /**
   * Has the node sign a credential with the issuer's assertion key, and gives the signed text. A missing `id`, `issuer`, context and type
   * are filled in. The DID that signs is an option, `issuerDid`; members of the credential are signed as they are.
   */
  async signCredential(credential: Credential, options: SignCredentialOptions = {}): Promise<string> {
    rejectUnknownOptions(options, ["issuerDid", "format", "signal"]);
    const { issuerDid, format, signal } = options;
    const issuer = this.#didOr("issuerDid", issuerDid);
    return credentials.sign(this.#http, credential, { issuerDid: issuer, format: formatOr(format), signal });
  }

  /** Has the node verify a signed credential, of any format. One that does not hold is a RestError with the node's code. */
  async verifyCredential(signed: string, options: VerifyCredentialOptions = {}): Promise<CredentialVerification> {
    rejectUnknownOptions(options, ["verifierDid", "signal"]);
    const { verifierDid, signal } = options;
    const verifier = this.#didOr("verifierDid", verifierDid);
    return credentials.verify(this.#http, pasted("signed", signed), { verifierDid: verifier, signal });
  }

  /** Puts a signed credential into the holder's store on the node. */
  async storeCredential(signed: string, options: StoreCredentialOptions = {}): Promise<StoredCredential> {
    rejectUnknownOptions(options, ["holderDid", "issuerDid", "validUntil", "signal"]);
    if (options.issuerDid !== undefined) text("issuerDid", options.issuerDid);
    const holderDid = this.#didOr("holderDid", options.holderDid);
    return credentials.store(this.#http, pasted("signed", signed), { ...options, holderDid });
  }

  /**
   * All credentials in the holder's store, page after page until the last.
   *
   * @throws RestError `too_many_credentials` beyond `limits.maxCredentials`, `limits.maxListLength` or 1,000 pages.
   */
  async listCredentials(options: ListCredentialsOptions = {}): Promise<readonly StoredCredential[]> {
    rejectUnknownOptions(options, ["holderDid", "signal"]);
    const { holderDid, signal } = options;
    return credentials.list(this.#http, { holderDid: this.#didOr("holderDid", holderDid), signal }, this.#limits);
  }

  /** One stored credential, by the `id` that the node gave it. @throws RestError `not_found` */
  async getCredential(id: string, options: CallOptions = {}): Promise<StoredCredential> {
    rejectUnknownOptions(options, ["signal"]);
    // Dots alone would be taken for a way up the path; half a surrogate pair can't be encoded.
    if (/^\.{1,2}$|\p{Cs}/u.test(text("id", id))) throw new TypeError("id is not that of a stored credential");
    return credentials.get(this.#http, id, options.signal);
  }

  /** Has the node put signed credentials into a presentation, signed with the holder's authentication key. */
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
    return presentations.signPresentation(this.#http, credentials, { ...options, holderDid, format: formatOr(options.format) });
  }

  /** Has the node verify a presentation and each credential in it. One that does not hold is a RestError with the node's code. */
  async verifyPresentation(signed: string, options: VerifyPresentationOptions = {}): Promise<PresentationVerification> {
    rejectUnknownOptions(options, ["verifierDid", "nonce", "signal"]);
    if (options.nonce !== undefined) text("nonce", options.nonce);
    const verifierDid = this.#didOr("verifierDid", options.verifierDid);
    return presentations.verifyPresentation(this.#http, pasted("signed", signed), { ...options, verifierDid });
  }

  /** Ends what is under way with `closed`, and all connections. */
  close(): Promise<void> {
    return this.#http.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #didOr(option: string, given: string | undefined): string {
    const did = given ?? this.#did();
    if (did === undefined) throw new TypeError(`No DID to act for: give ${option}, or the client a did`);
    return readDid(given === undefined ? "did" : option, did);
  }
}

/** A DID, without the white space that may have been pasted with it. */
function readDid(name: string, did: unknown): string {
  const trimmed = typeof did === "string" ? did.trim() : "";
  if (!isDid(trimmed)) throw new TypeError(`${name} must be a DID, such as did:web:node.example:my-agent, not ${shown(did)}`);
  return trimmed;
}

/** Signed text, without the white space that may have been pasted with it. */
function pasted(name: string, value: unknown): string {
  return text(name, typeof value === "string" ? value.trim() : value);
}

function shown(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value.slice(0, 200)) : describeKind(value);
}

const FORMATS: ReadonlySet<string> = new Set<CredentialFormat>(["compact_jwt", "jwt", "json", "enveloped"]);

function formatOr(format: CredentialFormat = "compact_jwt"): CredentialFormat {
  if (FORMATS.has(format)) return format;
  throw new TypeError(`format must be one of ${[...FORMATS].join(", ")}`);
}

import type { JsonObject } from "@parley/core";
import { decodeCredential, signCredential, signPresentation, type CredentialFormat, type SigningKey } from "@parley/vc";
import type { ApiKey } from "../identity/api-keys.ts";
import type { Dids } from "../identity/dids.ts";
import { IdentityError } from "../identity/identity-error.ts";
import { completeCredential } from "./complete-credential.ts";
import { CredentialError } from "./credential-error.ts";
import type { CredentialPage, CredentialStore, ListOptions, StoredCredential } from "./credential-store.ts";
import { nodeHoldsKeys } from "../network/hosted-resolver.ts";
import type { NonceMemory } from "./nonce-memory.ts";
import { peekPresentation } from "./peek.ts";
import { claimsOf, type StoredClaims } from "./stored-claims.ts";
import type { CredentialState } from "./status/status-block.ts";
import { placeOf, type StatusListPublisher } from "./status/status-list-publisher.ts";
import type { StatusLists } from "./status/status-lists.ts";
import type { CredentialVerifier } from "./verifier.ts";

/** Options of {@link Wallet}. */
export interface WalletOptions {
  readonly dids: Dids;
  readonly store: CredentialStore;
  readonly verifier: CredentialVerifier;
  readonly nonces: NonceMemory;
  readonly statusLists: StatusLists;
  readonly publisher: StatusListPublisher;
  readonly maxCredentialBytes: number;
  /** The credentials stored for a holder have changed. */
  readonly onChanged: (holderDid: string) => void;
}

/**
 * Signs, stores and verifies credentials for API keys. Each call is for a DID that the key must be allowed to act for; otherwise it throws
 * IdentityError `did_not_allowed`. A signing or holding DID that isn't hosted yet becomes hosted.
 */
export class Wallet {
  readonly #options: WalletOptions;

  constructor(options: WalletOptions) {
    this.#options = options;
  }

  /**
   * Signs a credential with its issuer's assertion key. A missing `id` and `issuer` are filled in. A revocable one gets a `credentialStatus` in
   * the status lists that the node publishes.
   *
   * @throws CredentialError `id_missing`, `issuer_missing`, `issuer_mismatch`, `key_not_held`, `status_lists_full`; VcError; IdentityError;
   *   StorageError.
   */
  async signCredential(
    apiKey: ApiKey,
    credential: JsonObject,
    { issuerDid, format, isRevocable }: { issuerDid: string; format: CredentialFormat; isRevocable: boolean },
  ): Promise<string> {
    this.#permit(apiKey, issuerDid);
    const complete = completeCredential(credential, issuerDid);
    const key = await this.#signingKey(apiKey, issuerDid);
    const signed = await signCredential(complete, { key, format });
    if (!isRevocable) return signed;
    // Entries are not allocated for credentials that cannot be signed.
    const entries = this.#options.publisher.entriesFor(await this.#options.statusLists.allocate(issuerDid));
    const others = [complete["credentialStatus"] ?? []].flat();
    return signCredential({ ...complete, credentialStatus: [...others, ...entries] }, { key, format });
  }

  /**
   * Revokes, suspends or resumes a credential that was signed as revocable.
   *
   * @param subject the signed credential, whose signature is verified, or its `credentialStatus`.
   * @throws CredentialError `status_unknown`, `status_final`, `issuer_mismatch`, `busy`, `timeout`; VcError; IdentityError; StorageError.
   */
  async setStatus(
    apiKey: ApiKey,
    subject: { signed: string } | { credentialStatus: JsonObject[string] },
    { issuerDid, state, signal }: { issuerDid: string; state: CredentialState; signal: AbortSignal },
  ): Promise<void> {
    this.#permit(apiKey, issuerDid);
    const credentialStatus =
      "signed" in subject ? await this.#statusOf(apiKey, subject.signed, issuerDid, signal) : subject.credentialStatus;
    await this.#options.statusLists.set(issuerDid, placeOf(credentialStatus), state);
  }

  /**
   * Wraps credentials in a presentation that the holder's authentication key signs.
   *
   * @throws CredentialError `key_not_held`; VcError; IdentityError; StorageError.
   */
  async signPresentation(
    apiKey: ApiKey,
    credentials: readonly string[],
    options: { holderDid: string; format: CredentialFormat; nonce?: string | undefined; audience?: string | readonly string[] | undefined },
  ): Promise<string> {
    const { holderDid, format, nonce, audience } = options;
    this.#permit(apiKey, holderDid);
    const key = await this.#signingKey(apiKey, holderDid);
    return signPresentation(credentials, {
      holder: holderDid,
      key,
      format,
      ...(nonce !== undefined && { nonce }),
      ...(audience !== undefined && { audience }),
    });
  }

  /** @throws VcError; CredentialError `busy`, `timeout`; IdentityError. */
  async verifyCredential(
    apiKey: ApiKey,
    signed: string,
    options: { verifierDid: string; signal: AbortSignal },
  ): Promise<{ credential: JsonObject; headers: JsonObject }> {
    this.#permit(apiKey, options.verifierDid);
    const { credential, headers } = await this.#options.verifier.verifyCredential(signed, {
      owner: apiKey.id,
      audience: options.verifierDid,
      signal: options.signal,
    });
    return { credential, headers };
  }

  /**
   * Verifies a presentation and its credentials. If it states audiences, the verifier must be among them. With a nonce, it is accepted
   * once.
   *
   * @throws VcError; CredentialError `busy`, `timeout`, `nonce_replayed`, `presentation_not_recent`; IdentityError.
   */
  async verifyPresentation(
    apiKey: ApiKey,
    signed: string,
    options: { verifierDid: string; nonce?: string | undefined; signal: AbortSignal },
  ): Promise<{ presentation: JsonObject; headers: JsonObject }> {
    const { verifierDid, nonce, signal } = options;
    this.#permit(apiKey, verifierDid);
    const { hasAudience, signedAt } = peekPresentation(signed);
    const { presentation, headers, holder } = await this.#options.verifier.verifyPresentation(signed, {
      owner: apiKey.id,
      nonce,
      signal,
      audience: hasAudience ? verifierDid : undefined,
    });
    if (nonce !== undefined) await this.#options.nonces.use(apiKey.id, verifierDid, holder, nonce, signedAt);
    return { presentation, headers };
  }

  /**
   * Stores a credential for its holder, in any format. It is parsed, but not verified: its verifiers do that.
   *
   * @throws CredentialError `too_large`, `wallet_full`, `issuer_mismatch`, `valid_until_mismatch`; VcError when it is not a credential;
   *   IdentityError; StorageError.
   */
  async store(apiKey: ApiKey, signed: string, holderDid: string, said: StoredClaims): Promise<StoredCredential> {
    this.#permit(apiKey, holderDid);
    const { maxCredentialBytes, store } = this.#options;
    if (Buffer.byteLength(signed) > maxCredentialBytes) {
      throw new CredentialError("too_large", `A stored credential may have ${maxCredentialBytes} bytes`);
    }
    const claims = claimsOf(decodeCredential(signed).credential, said);
    await this.#host(apiKey, holderDid);
    const stored = await store.add({ holderDid, signed, ...claims });
    this.#options.onChanged(holderDid);
    return stored;
  }

  /** @throws IdentityError; StorageError. */
  async list(apiKey: ApiKey, holderDid: string, options: ListOptions): Promise<CredentialPage> {
    this.#permit(apiKey, holderDid);
    return this.#options.store.list(holderDid, options);
  }

  /** @throws CredentialError `credential_unknown`, also for one of a holder that the key may not act for; StorageError. */
  async get(apiKey: ApiKey, id: string): Promise<StoredCredential> {
    const credential = await this.#options.store.get(id);
    if (credential === undefined || !this.#options.dids.permits(apiKey, credential.holderDid)) throw unknown();
    return credential;
  }

  /** @throws as {@link get}. */
  async remove(apiKey: ApiKey, id: string): Promise<void> {
    const { holderDid } = await this.get(apiKey, id);
    if (!(await this.#options.store.remove(id))) throw unknown();
    this.#options.onChanged(holderDid);
  }

  /** Removes the credentials and the status lists of a DID that was removed. */
  async forget(did: string): Promise<void> {
    const { store, statusLists } = this.#options;
    await Promise.all([store.removeHolder(did), statusLists.forget(did)]);
  }

  /** The `credentialStatus` of a credential that the issuer really signed: another one could name the entry of someone else. */
  async #statusOf(apiKey: ApiKey, signed: string, issuerDid: string, signal: AbortSignal): Promise<JsonObject[string]> {
    const { credential, issuer } = await this.#options.verifier.verifyIssued(signed, { owner: apiKey.id, signal });
    if (issuer !== issuerDid) throw new CredentialError("issuer_mismatch", "issuer_did is not the issuer of this credential");
    return credential["credentialStatus"];
  }

  #permit(apiKey: ApiKey, did: string): void {
    const { dids } = this.#options;
    if (!dids.permits(apiKey, did)) throw new IdentityError("did_not_allowed", "This API key may not act for this DID");
    dids.touch(did);
  }

  async #host(apiKey: ApiKey, did: string): Promise<void> {
    await this.#options.dids.ensure(did, { mode: "Create", owner: apiKey });
  }

  async #signingKey(apiKey: ApiKey, did: string): Promise<SigningKey> {
    if (!nodeHoldsKeys(did)) throw new CredentialError("key_not_held", "The key of this DID is the DID itself; the node does not hold it");
    if (this.#options.dids.keysAtAgent(did)) throw new CredentialError("key_not_held", "The agent of this DID holds its keys itself");
    await this.#host(apiKey, did);
    const privateKey = await this.#options.dids.privateKey(did, "signing");
    // It was hosted a moment ago: an ephemeral DID may have expired since.
    if (privateKey === undefined) throw new CredentialError("key_not_held", "The node no longer hosts this DID");
    return { kid: `${did}#signing`, privateKey };
  }
}

function unknown(): CredentialError {
  return new CredentialError("credential_unknown", "Unknown credential");
}

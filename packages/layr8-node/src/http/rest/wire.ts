import type { JsonObject } from "@parley/core";
import type { DidDocument } from "@parley/did";
import type { CredentialFormat } from "@parley/vc";
import type { CredentialState } from "../../credentials/status/status-block.ts";

/** An optional member. Some SDKs write `null`. */
type Optional<T> = T | null | undefined;

/** Body of every error response. */
export interface ErrorBody {
  readonly error: string;
  readonly code: string;
}

export interface SignCredentialBody {
  readonly credential: JsonObject;
  readonly issuer_did: string;
  readonly format?: Optional<CredentialFormat>;
  readonly revocable?: Optional<boolean>;
}

export interface SetStatusBody {
  readonly issuer_did: string;
  readonly status: CredentialState;
  readonly signed_credential?: Optional<string>;
  readonly credential_status?: Optional<JsonObject | readonly JsonObject[]>;
}

export interface CredentialStatusBody {
  readonly status: CredentialState;
}

export interface SignedCredential {
  readonly signed_credential: string;
}

export interface VerifyCredentialBody extends SignedCredential {
  readonly verifier_did: string;
}

export interface VerifiedCredential {
  readonly credential: JsonObject;
  /** Protected header of the JWS, or the proof without its value. */
  readonly headers: JsonObject;
}

export interface StoreCredentialBody {
  readonly holder_did: string;
  readonly credential_jwt: string;
  readonly issuer_did?: Optional<string>;
  readonly valid_until?: Optional<string>;
}

export interface StoredCredentialBody {
  readonly id: string;
  readonly holder_did: string;
  readonly credential_jwt: string;
  readonly issuer_did?: string | undefined;
  readonly valid_until?: string | undefined;
}

export interface ListQuery {
  readonly holder_did: string;
  readonly limit: number;
  readonly cursor?: string | undefined;
}

export interface CredentialList {
  readonly credentials: StoredCredentialBody[];
  /** `cursor` of the next page; absent on the last. */
  readonly next?: string | undefined;
}

export interface CredentialParams {
  readonly id: string;
}

export interface SignPresentationBody {
  readonly credentials: readonly string[];
  readonly holder_did: string;
  readonly format?: Optional<CredentialFormat>;
  readonly nonce?: Optional<string>;
  readonly audience?: Optional<string | readonly string[]>;
}

export interface SignedPresentation {
  readonly signed_presentation: string;
}

export interface VerifyPresentationBody extends SignedPresentation {
  readonly verifier_did: string;
  readonly nonce?: Optional<string>;
}

export interface VerifiedPresentation {
  readonly presentation: JsonObject;
  readonly headers: JsonObject;
}

/** The agent whose chain is read. */
export interface AuditQuery {
  readonly did: string;
}

export interface AuditPageQuery extends AuditQuery {
  /** Number of the entry before the page. */
  readonly after: number;
  readonly limit: number;
}

export interface AuditExportQuery extends AuditQuery {
  /** The party that the export is for. */
  readonly peer?: string | undefined;
}

export interface AuditHeadBody {
  readonly agent: string;
  readonly seq: number;
  readonly hash: string;
  readonly first: number;
  readonly head: string;
  readonly cut?: string | undefined;
}

export interface AuditPageBody {
  readonly entries: JsonObject[];
  readonly next?: number | undefined;
}

export interface DidParams {
  readonly did: string;
}

export interface DidDocumentBody {
  readonly did_document: DidDocument;
}

export interface MediatorBody {
  /** DID of the mediator. */
  readonly routing_did: string;
}

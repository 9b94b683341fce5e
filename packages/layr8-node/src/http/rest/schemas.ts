import type { JsonObject } from "@parley/core";
import { canonicalDid, isDid, type DidDocument } from "@parley/did";
import { z } from "zod";
import type * as wire from "./wire.ts";

/** Named schemas of the OpenAPI document. Not in zod's global registry, where other code of the process has its names. */
export const named: z.core.$ZodRegistry<{ id?: string | undefined; description?: string | undefined }> = z.registry();

const MAX_DEPTH = 64;
const MAX_TEXT = 2048;
const MAX_CREDENTIALS = 32;
const MAX_PAGE = 1000;
const DEFAULT_PAGE = 100;

// Whitespace around pasted text is ignored.
const did = z
  .string()
  .trim()
  .max(MAX_TEXT)
  .refine(isDid, "must be a DID")
  .refine((did) => !isDid(did) || canonicalDid(did) === did, "must be in the canonical spelling: host in small letters, no default port")
  .register(named, { id: "Did", description: "A DID, such as did:web:issuer.example" });
const format = z.enum(["compact_jwt", "jwt", "json", "enveloped"]).register(named, {
  id: "Format",
  description:
    "compact_jwt (default): VCDM 2.0 as a JWS. jwt: VCDM 1.1 as a JWT. enveloped: JSON around a compact_jwt. json: JSON with a Data Integrity proof.",
});
const text = z.string().min(1).max(MAX_TEXT);
/** Text in any of the formats; its maximum length depends on the use. */
const signed = z.string().trim().min(1);
const instant = text.refine(isInstant, "must be a date and time, RFC 3339");
// Parsed JSON contains nothing but JSON.
const document = z.looseObject({}) as unknown as z.ZodType<JsonObject>;
const modest = document.refine(isModest, `must not be nested deeper than ${MAX_DEPTH} levels, nor hold numbers out of range`);

export const errorBody: z.ZodType<wire.ErrorBody> = z
  .object({
    error: z.string().register(named, { description: "Description for people" }),
    code: z.string().register(named, { description: "Stable error code" }),
  })
  .register(named, { id: "Error" });

export const signCredentialBody: z.ZodType<wire.SignCredentialBody> = z
  .object({
    credential: modest,
    issuer_did: did,
    format: format.nullish(),
    revocable: z
      .boolean()
      .nullish()
      .register(named, { description: "Adds a credentialStatus in the status lists that the node publishes. Default: false" }),
  })
  .register(named, { id: "SignCredential" });

const state = z.enum(["valid", "suspended", "revoked"]).register(named, { description: "revoked is final" });

export const setStatusBody: z.ZodType<wire.SetStatusBody> = z
  .object({
    issuer_did: did,
    status: state,
    signed_credential: signed.nullish(),
    credential_status: z
      .union([modest, z.array(modest).min(1).max(MAX_CREDENTIALS)])
      .nullish()
      .register(named, { description: "The credentialStatus of the credential, instead of signed_credential" }),
  })
  .refine(
    (body) => isAbsent(body.signed_credential) !== isAbsent(body.credential_status),
    "needs either signed_credential or credential_status",
  )
  .register(named, { id: "SetCredentialStatus" });

export const credentialStatus: z.ZodType<wire.CredentialStatusBody> = z
  .object({ status: state })
  .register(named, { id: "CredentialStatus" });

export const signedCredential: z.ZodType<wire.SignedCredential> = z
  .object({ signed_credential: signed })
  .register(named, { id: "SignedCredential" });

export const verifyCredentialBody: z.ZodType<wire.VerifyCredentialBody> = z
  .object({ signed_credential: signed, verifier_did: did })
  .register(named, { id: "VerifyCredential" });

export const verifiedCredential: z.ZodType<wire.VerifiedCredential> = z
  .object({ credential: document, headers: document })
  .register(named, { id: "VerifiedCredential" });

export const storeCredentialBody: z.ZodType<wire.StoreCredentialBody> = z
  .object({ holder_did: did, credential_jwt: signed, issuer_did: text.nullish(), valid_until: instant.nullish() })
  .register(named, { id: "StoreCredential" });

export const storedCredential: z.ZodType<wire.StoredCredentialBody> = z
  .object({
    id: z.string(),
    holder_did: z.string(),
    credential_jwt: z.string(),
    issuer_did: z.string().optional(),
    valid_until: z.string().optional(),
  })
  .register(named, { id: "StoredCredential" });

export const listQuery: z.ZodType<wire.ListQuery> = z.object({
  holder_did: did,
  limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(DEFAULT_PAGE),
  cursor: text.optional().register(named, { description: "next of the page before" }),
});

export const credentialList: z.ZodType<wire.CredentialList> = z
  .object({
    credentials: z.array(storedCredential),
    next: z.string().optional().register(named, { description: "cursor of the next page; absent on the last" }),
  })
  .register(named, { id: "CredentialList" });

export const credentialParams: z.ZodType<wire.CredentialParams> = z.object({ id: text });

export const auditQuery: z.ZodType<wire.AuditQuery> = z.object({ did });

export const auditPageQuery: z.ZodType<wire.AuditPageQuery> = z.object({
  did,
  after: z.coerce.number().int().min(0).default(0).register(named, { description: "next of the page before" }),
  limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(DEFAULT_PAGE),
});

export const auditExportQuery: z.ZodType<wire.AuditExportQuery> = z.object({
  did,
  peer: did.optional().register(named, { description: "The party that the export is for: entries about others are hidden" }),
});

export const auditHead: z.ZodType<wire.AuditHeadBody> = z
  .object({
    agent: z.string(),
    seq: z.number().int().register(named, { description: "Number of the last entry; 0 without one" }),
    hash: z.string(),
    first: z.number().int().register(named, { description: "Number of the first entry that is still stored" }),
    head: z.string().register(named, { description: "The head, signed by the agent's key: a compact JWS" }),
    cut: z
      .string()
      .optional()
      .register(named, { description: "Signed statement of the entries that retention has removed: a compact JWS" }),
  })
  .register(named, { id: "AuditHead" });

export const auditPage: z.ZodType<wire.AuditPageBody> = z
  .object({
    entries: z.array(document),
    next: z.number().int().optional().register(named, { description: "after of the next page; absent on the last" }),
  })
  .register(named, { id: "AuditPage" });

export const auditExport: z.ZodType<string> = z.string().register(named, { description: "JSON Lines: header, entries, signed head" });

export const didParams: z.ZodType<wire.DidParams> = z.object({ did: text });

export const didDocument: z.ZodType<wire.DidDocumentBody> = z
  .object({ did_document: z.looseObject({}) as unknown as z.ZodType<DidDocument> })
  .register(named, { id: "DidDocument" });

export const mediatorBody: z.ZodType<wire.MediatorBody> = z
  .object({ routing_did: did })
  .register(named, { id: "DeclareMediator", description: "The mediator of a DID" });

export const signPresentationBody: z.ZodType<wire.SignPresentationBody> = z
  .object({
    credentials: z.array(signed).min(1, "must hold at least one signed credential").max(MAX_CREDENTIALS),
    holder_did: did,
    format: format.nullish(),
    nonce: text.nullish(),
    audience: z.union([text, z.array(text).min(1).max(MAX_CREDENTIALS)]).nullish(),
  })
  .register(named, { id: "SignPresentation" });

export const signedPresentation: z.ZodType<wire.SignedPresentation> = z
  .object({ signed_presentation: signed })
  .register(named, { id: "SignedPresentation" });

export const verifyPresentationBody: z.ZodType<wire.VerifyPresentationBody> = z
  .object({ signed_presentation: signed, verifier_did: did, nonce: text.nullish() })
  .register(named, { id: "VerifyPresentation" });

export const verifiedPresentation: z.ZodType<wire.VerifiedPresentation> = z
  .object({ presentation: document, headers: document })
  .register(named, { id: "VerifiedPresentation" });

/** A response without a body. */
export const nothing: z.ZodType<undefined> = z.undefined().register(named, { description: "Deleted" });

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null;
}

/** Whether a parsed JSON value can be traversed and written without loss. `1e999` is parsed as infinity. */
function isModest(root: unknown): boolean {
  const stack: { value: unknown; depth: number }[] = [{ value: root, depth: 1 }];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { value, depth } = next;
    if (typeof value === "number" && !Number.isFinite(value)) return false;
    if (typeof value !== "object" || value === null) continue;
    if (depth > MAX_DEPTH) return false;
    for (const member of Object.values(value)) stack.push({ value: member, depth: depth + 1 });
  }
  return true;
}

function isInstant(value: string): boolean {
  return /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)$/.test(value) && !Number.isNaN(Date.parse(value));
}

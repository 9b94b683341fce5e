import { ParleyError } from "@parley/core";
import {
  didOf,
  findVerificationMethod,
  publicKeyJwk,
  verificationMethodsOf,
  type DidDocument,
  type DidResolver,
  type ResolveOptions,
  type VerificationMethod,
  type VerificationRelationship,
} from "@parley/did";
import { cut } from "../json.ts";
import type { Kind } from "../kind.ts";
import { VcError } from "../vc-error.ts";
import { importParameters, isCurve, type ImportedKey } from "./curves.ts";

/** A document in which a key is missing is resolved again if it is older than this: the key may be new. */
const MAX_AGE_MS = 30_000;
/** Keys that are tried for a token that names none. */
const MAX_CANDIDATES = 8;

/** Where keys are looked up. */
export interface KeySource {
  readonly resolver: DidResolver;
  readonly signal: AbortSignal | undefined;
}

/** Imported keys, for as long as the resolver keeps the document that they are from. */
const imported = new WeakMap<VerificationMethod, Promise<ImportedKey>>();

/** The key of an absolute DID URL, which must be the given DID's and in its document for the purpose. */
export async function findKey(kid: string, did: string, kind: Kind, source: KeySource): Promise<ImportedKey> {
  const owner = didOf(kid);
  if (owner === undefined) throw new VcError("kid_invalid", "The key's id is no absolute DID URL");
  if (owner !== did) throw new VcError(kind.mismatch, `The ${kind.name} is signed by ${cut(owner)}, which is not ${cut(did)}`);
  return importMethod(await findMethod(kid, did, kind.relationship, source));
}

/** The keys that a DID has for the purpose, at most 8, unknown kinds left out. */
export async function candidateKeys(did: string, kind: Kind, source: KeySource): Promise<readonly ImportedKey[]> {
  const methods = verificationMethodsOf(await resolve(did, source), kind.relationship).slice(0, MAX_CANDIDATES);
  const keys = await Promise.all(
    methods.map((method) =>
      importMethod(method).catch((error: unknown) => {
        if (error instanceof VcError) return undefined;
        throw error;
      }),
    ),
  );
  return keys.filter((key) => key !== undefined);
}

async function findMethod(
  kid: string,
  did: string,
  relationship: VerificationRelationship,
  source: KeySource,
): Promise<VerificationMethod> {
  const method = findVerificationMethod(await resolve(did, source), kid, relationship);
  if (method !== undefined) return method;
  const fresh = await resolve(did, source, { maxAgeMs: MAX_AGE_MS });
  const found = findVerificationMethod(fresh, kid, relationship);
  if (found !== undefined) return found;
  if (findVerificationMethod(fresh, kid) === undefined) throw new VcError("key_not_found", `The document has no key ${cut(kid)}`);
  throw new VcError("key_purpose", `The document does not list the key ${cut(kid)} for ${relationship}`);
}

async function resolve(did: string, { resolver, signal }: KeySource, options: ResolveOptions = {}): Promise<DidDocument> {
  try {
    return await resolver.resolve(did, signal === undefined ? options : { ...options, signal });
  } catch (error) {
    signal?.throwIfAborted();
    const { code, retryable, message } = ParleyError.from(error);
    // Of other errors the message may quote what a stranger's host has answered.
    const why = code === "refused_address" ? `${code} (${cut(message)})` : cut(code);
    throw new VcError("resolution_failed", `${cut(did)} could not be resolved: ${why}`, { cause: error, retryable });
  }
}

function importMethod(method: VerificationMethod): Promise<ImportedKey> {
  const known = imported.get(method);
  if (known !== undefined) return known;
  const promise = importPublicKey(method);
  imported.set(method, promise);
  return promise;
}

async function importPublicKey(method: VerificationMethod): Promise<ImportedKey> {
  try {
    const jwk = publicKeyJwk(method);
    if (!isCurve(jwk.crv)) throw new VcError("key_unsupported", `Keys of ${jwk.crv} don't sign credentials`);
    const cryptoKey = await crypto.subtle.importKey("jwk", { ...jwk }, importParameters(jwk.crv), false, ["verify"]);
    return { curve: jwk.crv, cryptoKey };
  } catch (error) {
    if (error instanceof VcError) throw error;
    throw new VcError("key_unsupported", `The key ${cut(method.id)} can't be read`, { cause: error });
  }
}

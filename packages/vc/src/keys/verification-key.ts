import { ParleyError } from "@parley/core";
import {
  didOf,
  findVerificationMethod,
  publicKeyJwk,
  verificationMethodsOf,
  type DidDocument,
  type DidResolver,
  type PublicJwk,
  type ResolveOptions,
  type VerificationMethod,
  type VerificationRelationship,
} from "@parley/did";
import { truncate } from "../json.ts";
import type { Kind } from "../kind.ts";
import { VcError } from "../vc-error.ts";
import type { VerifyingKey } from "./curves.ts";
import { importPublicJwk } from "./import-public-jwk.ts";

/** If a key is missing, a cached document older than this is resolved again, since the key may have been added. */
const MAX_AGE_MS = 30_000;
/** Most keys tried for a signature without a key id. */
const MAX_CANDIDATES = 8;

/** How DID documents are resolved. */
export interface KeySource {
  readonly resolver: DidResolver;
  readonly signal: AbortSignal | undefined;
}

/** Imported keys, cached as long as the resolver caches their document. */
const imported = new WeakMap<VerificationMethod, Promise<VerifyingKey>>();

/**
 * Finds a key by its absolute DID URL. It must belong to the given DID, and its document must list it for the purpose of the kind.
 *
 * @throws VcError
 */
export async function findKey(kid: string, did: string, kind: Kind, source: KeySource): Promise<VerifyingKey> {
  const owner = didOf(kid);
  if (owner === undefined) throw new VcError("kid_invalid", "The key id is not an absolute DID URL");
  if (owner !== did) throw new VcError(kind.mismatch, `The ${kind.name} is signed by ${truncate(owner)} instead of ${truncate(did)}`);
  return importMethod(await findMethod(kid, did, kind.relationship, source));
}

/** The keys that a DID document lists for the purpose of the kind: at most 8, without unsupported ones. */
export async function candidateKeys(did: string, kind: Kind, source: KeySource): Promise<readonly VerifyingKey[]> {
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
  if (findVerificationMethod(fresh, kid) === undefined) throw new VcError("key_not_found", `The DID document has no key ${truncate(kid)}`);
  throw new VcError("key_purpose", `The DID document does not list the key ${truncate(kid)} for ${relationship}`);
}

async function resolve(did: string, { resolver, signal }: KeySource, options: ResolveOptions = {}): Promise<DidDocument> {
  try {
    return await resolver.resolve(did, signal === undefined ? options : { ...options, signal });
  } catch (error) {
    signal?.throwIfAborted();
    const { code, retryable, message } = ParleyError.from(error);
    // Messages of other errors can quote the response of a remote host.
    const why = code === "refused_address" ? `${code} (${truncate(message)})` : truncate(code);
    throw new VcError("resolution_failed", `${truncate(did)} could not be resolved: ${why}`, { cause: error, retryable });
  }
}

function importMethod(method: VerificationMethod): Promise<VerifyingKey> {
  const known = imported.get(method);
  if (known !== undefined) return known;
  const promise = importPublicKey(method);
  imported.set(method, promise);
  return promise;
}

async function importPublicKey(method: VerificationMethod): Promise<VerifyingKey> {
  const name = `The key ${truncate(method.id)}`;
  return importPublicJwk(decodeKey(method, name), name);
}

function decodeKey(method: VerificationMethod, name: string): PublicJwk {
  try {
    return publicKeyJwk(method);
  } catch (error) {
    throw new VcError("key_unsupported", `${name} cannot be imported`, { cause: error });
  }
}

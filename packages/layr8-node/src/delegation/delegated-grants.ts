import { randomUUID } from "node:crypto";
import { isJsonObject, type JsonObject } from "@parley/core";
import { decodeCredential, signCredential, type SigningKey } from "@parley/vc";
import { isGrant, readGrantChain } from "@parley/vc/grants";
import type { CredentialStore, StoredCredential } from "../credentials/credential-store.ts";
import type { Dids } from "../identity/dids.ts";

/** A grant that the node has derived for a child, in the form of the wire. */
export interface DelegatedGrant {
  readonly id: string;
  readonly parent_capability: string;
  readonly credential_jwt: string;
}

/** The grants of a child: all that its parent has (`complete`), without some that can't be delegated (`partial`), or unknown (`unread`). */
export interface DelegatedReading {
  readonly status: "complete" | "partial" | "unread";
  readonly credentials: readonly DelegatedGrant[];
}

/** Most grants that are derived for a child, and characters of all of them. */
const MAX_GRANTS = 100;
const MAX_LENGTH = 512 * 1024;
const PAGE = 100;
/** Most pages of a parent's store that are read. */
const MAX_PAGES = 20;

/** Options of {@link DelegatedGrants}. */
export interface DelegatedGrantsOptions {
  readonly dids: Dids;
  readonly store: CredentialStore;
  readonly onFailure: (error: unknown) => void;
}

/**
 * Derives the grants of a persistent DID for its children, signed with the parent's key. They are stored nowhere: the grant that each contains limits and ends
 * it.
 */
export class DelegatedGrants {
  readonly #options: DelegatedGrantsOptions;

  constructor(options: DelegatedGrantsOptions) {
    this.#options = options;
  }

  /** Never rejects. */
  async read(parent: string, child: string): Promise<DelegatedReading> {
    try {
      const privateKey = await this.#options.dids.privateKey(parent, "signing");
      if (privateKey === undefined) return { status: "unread", credentials: [] };
      return await this.#derive({ kid: `${parent}#signing`, privateKey }, parent, child);
    } catch (error) {
      this.#options.onFailure(error);
      return { status: "unread", credentials: [] };
    }
  }

  async #derive(key: SigningKey, parent: string, child: string): Promise<DelegatedReading> {
    const credentials: DelegatedGrant[] = [];
    let [isComplete, length] = [true, 0];
    for await (const stored of this.#stored(parent)) {
      const claims = readGrant(stored, parent);
      if (claims === "other") continue;
      const derived = claims === undefined ? undefined : await derive(claims, stored, { key, parent, child });
      length += derived?.credential_jwt.length ?? 0;
      if (derived === undefined || credentials.length >= MAX_GRANTS || length > MAX_LENGTH) isComplete = false;
      else credentials.push(derived);
    }
    return { status: isComplete ? "complete" : "partial", credentials };
  }

  async *#stored(parent: string): AsyncGenerator<StoredCredential, void, undefined> {
    let after: number | undefined;
    for (let page = 0; page < MAX_PAGES; page++) {
      // Each page begins after the one before.
      // oxlint-disable-next-line no-await-in-loop
      const { credentials, next } = await this.#options.store.list(parent, { limit: PAGE, after });
      yield* credentials;
      if (next === undefined) return;
      after = next;
    }
  }
}

/** @returns `other` if it isn't a grant in force; `undefined` if it is one that can't be delegated. */
function readGrant({ signed, validUntil }: StoredCredential, parent: string): JsonObject | "other" | undefined {
  let credential: JsonObject;
  try {
    ({ credential } = decodeCredential(signed));
    if (!isGrant(credential) || Date.parse(validUntil ?? "") <= Date.now()) return "other";
    const [own] = readGrantChain(signed);
    if (own === undefined || own.grant.holder !== parent || own.grant.id === undefined) return undefined;
  } catch {
    return undefined;
  }
  return credential;
}

async function derive(
  origin: JsonObject,
  { signed, validUntil }: StoredCredential,
  { key, parent, child }: { readonly key: SigningKey; readonly parent: string; readonly child: string },
): Promise<DelegatedGrant | undefined> {
  const { id: capability, credentialSubject: subject } = origin;
  if (typeof capability !== "string" || !isJsonObject(subject)) return undefined;
  const { scope, constraints, grant } = subject;
  const delegation = { parentCapability: capability, parentCredential: signed };
  const id = `urn:uuid:${randomUUID()}`;
  const credential = {
    "@context": ["https://www.w3.org/ns/credentials/v2", "https://layr8.io/contexts/grant/v1"],
    id,
    type: ["VerifiableCredential", "VerifiableGrant"],
    issuer: parent,
    ...(validUntil !== undefined && { validUntil }),
    credentialSubject: {
      id: child,
      scope: scope ?? [],
      ...(constraints !== undefined && { constraints }),
      ...(grant !== undefined && { grant }),
      delegation,
    },
  };
  const jwt = await signCredential(credential, { key });
  try {
    readGrantChain(jwt);
  } catch {
    // The chain would be too long.
    return undefined;
  }
  return { id, parent_capability: capability, credential_jwt: jwt };
}

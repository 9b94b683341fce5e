import { isJsonObject } from "@parley/core";
import { callListener } from "./call-listener.ts";

/** A grant that the node has derived for an agent from one of its parent's. It is stored nowhere. */
export interface DelegatedCredential {
  readonly id: string;
  /** Id of the parent's grant. */
  readonly parentCapability: string;
  /** The signed grant. */
  readonly credentialJwt: string;
}

/**
 * The grants that an agent borrows from its parent: all that the parent has (`complete`), all but some that can't be derived (`partial`), or unknown because the node
 * could not read them (`unread`).
 */
export interface DelegatedCredentials {
  readonly status: "complete" | "partial" | "unread";
  readonly credentials: readonly DelegatedCredential[];
}

/** Called with the grants that an agent borrows, after its parent's have changed. */
export type DelegationListener = (delegated: DelegatedCredentials) => unknown;

/** The grants that an agent borrows: those of its join, or of the latest push after it. */
export class Delegation {
  readonly #listeners = new Set<DelegationListener>();
  #current: DelegatedCredentials | undefined;
  #revision = 0;

  get current(): DelegatedCredentials | undefined {
    return this.#current;
  }

  /** @returns a function that removes the listener. */
  add(listener: DelegationListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Calls the listeners. @param onFailure receives what they throw. */
  emit(delegated: DelegatedCredentials, onFailure: (error: unknown) => void): void {
    for (const listener of this.#listeners) callListener(listener, delegated, onFailure);
  }

  /**
   * Takes what a node has sent: at a join (revision 0) anything that can be read, later only a newer set. Everything else is ignored, never read as an empty
   * set.
   *
   * @returns the new set; `undefined` if nothing changes.
   */
  take(raw: unknown): { readonly delegated: DelegatedCredentials; readonly isPush: boolean } | undefined {
    if (!isJsonObject(raw)) return undefined;
    const { status, credentials, revision = 0 } = raw;
    if (typeof revision !== "number" || !Number.isSafeInteger(revision) || revision < 0 || !Array.isArray(credentials)) return undefined;
    if (status !== "complete" && status !== "partial" && (status !== "unread" || revision > 0)) return undefined;
    if (revision > 0 && revision <= this.#revision) return undefined;
    this.#revision = revision;
    this.#current = { status, credentials: (credentials as readonly unknown[]).map(readCredential).filter((entry) => entry !== undefined) };
    return { delegated: this.#current, isPush: revision > 0 };
  }
}

function readCredential(value: unknown): DelegatedCredential | undefined {
  if (!isJsonObject(value)) return undefined;
  const { id, parent_capability: parentCapability, credential_jwt: credentialJwt } = value;
  if (typeof credentialJwt !== "string" || credentialJwt === "") return undefined;
  return {
    id: typeof id === "string" ? id : "",
    parentCapability: typeof parentCapability === "string" ? parentCapability : "",
    credentialJwt,
  };
}

/** A credential that a holder keeps at the node. */
export interface StoredCredential {
  /** Random UUID. */
  readonly id: string;
  readonly holderDid: string;
  /** The signed credential, as it came. */
  readonly signed: string;
  readonly issuerDid?: string;
  /** End of its validity, RFC 3339. */
  readonly validUntil?: string;
}

/** Which part of a holder's credentials is wanted. */
export interface ListOptions {
  /** Credentials at most; fewer where they are large. */
  readonly limit: number;
  /** `next` of the page before. */
  readonly after?: number | undefined;
}

/** Some of a holder's credentials, in the order in which they were stored. */
export interface CredentialPage {
  readonly credentials: readonly StoredCredential[];
  /** What the next page comes after; absent on the last. */
  readonly next?: number;
}

/**
 * Keeps credentials. Pages are stable: walking them shows each credential once that is there from the first page to the last, whatever is
 * stored or removed meanwhile.
 */
export interface CredentialStore {
  /**
   * Resolves with the credential under its new id when it is durable.
   *
   * @throws CredentialError `wallet_full`; StorageError `storage_failed`.
   */
  add(credential: Omit<StoredCredential, "id">): Promise<StoredCredential>;
  get(id: string): StoredCredential | undefined;
  list(holderDid: string, options: ListOptions): CredentialPage;
  /**
   * Resolves with whether there was such a credential, when it is gone for good.
   *
   * @throws StorageError `storage_failed`
   */
  remove(id: string): Promise<boolean>;
  /**
   * Removes all that a holder has.
   *
   * @throws StorageError `storage_failed`
   */
  removeHolder(holderDid: string): Promise<void>;
}

/** Characters of credentials beyond which a page ends. */
export const MAX_PAGE_LENGTH: number = 4 * 1024 * 1024;

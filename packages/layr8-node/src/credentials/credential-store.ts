/** A holder's credential stored at the node. */
export interface StoredCredential {
  /** Random UUID. */
  readonly id: string;
  readonly holderDid: string;
  /** The signed credential, as received. */
  readonly signed: string;
  readonly issuerDid?: string;
  /** End of its validity, RFC 3339. */
  readonly validUntil?: string;
}

/** Range of a holder's credentials. */
export interface ListOptions {
  /** Maximum number of credentials; fewer if they are large. */
  readonly limit: number;
  /** `next` of the page before. */
  readonly after?: number | undefined;
}

/** Some of a holder's credentials, in the order in which they were stored. */
export interface CredentialPage {
  readonly credentials: readonly StoredCredential[];
  /** Cursor of the next page; absent on the last. */
  readonly next?: number;
}

/**
 * Stores credentials. Pagination is stable: a credential stored during the whole iteration is returned exactly once, whatever is added or
 * removed.
 */
export interface CredentialStore {
  /**
   * Stores a credential under a new id. Resolves when it is durable.
   *
   * @throws CredentialError `wallet_full`; StorageError `storage_failed`.
   */
  add(credential: Omit<StoredCredential, "id">): Promise<StoredCredential>;
  /** @throws StorageError `storage_failed` */
  get(id: string): Promise<StoredCredential | undefined>;
  /** @throws StorageError `storage_failed` */
  list(holderDid: string, options: ListOptions): Promise<CredentialPage>;
  /**
   * Removes a credential. Resolves when the removal is durable, to `false` if the id is unknown.
   *
   * @throws StorageError `storage_failed`
   */
  remove(id: string): Promise<boolean>;
  /**
   * Removes all credentials of a holder.
   *
   * @throws StorageError `storage_failed`
   */
  removeHolder(holderDid: string): Promise<void>;
}

/** Characters of credentials beyond which a page ends. */
export const MAX_PAGE_LENGTH: number = 4 * 1024 * 1024;

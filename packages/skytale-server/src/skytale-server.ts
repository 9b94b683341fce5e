import type { Account, AccountOptions, CreatedAccount } from "./api/accounts.ts";
import type { ApiKeyInfo, ApiKeyOptions, CreatedApiKey } from "./api/keys.ts";

/** A running server: relay and API on one set of records. */
export interface SkytaleServer extends AsyncDisposable {
  /** Origin of the API: `http://127.0.0.1:5100`. */
  readonly apiUrl: string;
  readonly apiPort: number;
  /** Where clients reach the relay by gRPC: `http://127.0.0.1:5000`. */
  readonly relayUrl: string;
  readonly relayPort: number;
  /** Address of the admin console, with its token; set if the server has one of its own. */
  readonly adminUrl: string | undefined;
  /** Origin of `/health`, `/ready` and `/metrics`, if they have a separate port (`metricsPort`). */
  readonly metricsUrl: string | undefined;
  /**
   * An API key of an account named `operator`. Set only if the server had no account and created this one. It can't be read again later;
   * with a data directory it stays valid after a restart.
   */
  readonly apiKey: string | undefined;
  /**
   * Creates an account with a first API key.
   *
   * @throws ApiError `malformed_request`, `email_taken`, `limit_reached`; StorageError `closed`, as of the other methods, and
   * `storage_failed`
   */
  createAccount(options: AccountOptions): Promise<CreatedAccount>;
  /** Accounts in the order of their ids. */
  listAccounts(options: { readonly limit: number; readonly after?: string | undefined }): Promise<readonly Account[]>;
  /**
   * Creates an API key of an account. The returned value is the only copy of the key; the server stores its hash.
   *
   * @throws ApiError `not_found` (no such account), `limit_reached`
   */
  createApiKey(accountId: string, options?: ApiKeyOptions): Promise<CreatedApiKey>;
  /**
   * Revokes an API key and its tokens. The relay ends its streams within
   * `limits.relay.accessCheckMs`, 5 seconds by default.
   *
   * @throws ApiError `not_found`
   */
  revokeApiKey(id: string): Promise<void>;
  /** The API keys of an account, oldest first. */
  listApiKeys(accountId: string): Promise<readonly ApiKeyInfo[]>;
  /** Stops the server: accepts no new calls, completes those in progress, and resolves when all accepted data is on disk. Idempotent. */
  close(): Promise<void>;
}

import type { CreatedBackup } from "@parley/server-kit";
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
  /**
   * Deletes a channel with its grants, invites, join requests, messages and Welcomes. Its subscriptions end. Its name is free afterwards, and a
   * later channel of this name continues its sequence numbers. Members keep what they have.
   *
   * @throws ApiError `not_found`; TypeError with `nats`; StorageError `storage_failed`
   */
  deleteChannel(name: string): Promise<void>;
  /**
   * Deletes an account: its API keys, its access to channels of others with the invites that it made, its orgs, and with `withChannels` its
   * own channels. Its messages on channels of others stay, because the log of a channel has no gaps. Resolves to the deleted channels.
   *
   * @throws ApiError `not_found`; TypeError if it owns channels and `withChannels` is not set; StorageError `storage_failed`
   */
  deleteAccount(id: string, options?: { readonly withChannels?: boolean }): Promise<readonly string[]>;
  /**
   * Replaces `server.key` of the data directory, and seals the keys that sign tokens with the new one. Tokens stay valid. Earlier backups need
   * their own `server.key`.
   *
   * @throws TypeError if the key comes from the option `serverKey`, or the process of `workers` does not respond; StorageError `storage_failed`
   */
  rotateServerKey(): Promise<void>;
  /**
   * Backs up the data directory while the server runs: the data of one moment with its `server.key`, in a new directory (mode 0700).
   *
   * @throws TypeError without a data directory; StorageError `data_dir_unusable` (the directory is not empty), `storage_failed`
   */
  backup(directory: string): Promise<CreatedBackup>;
  /** Stops the server: accepts no new calls, completes those in progress, and resolves when all accepted data is on disk. Idempotent. */
  close(): Promise<void>;
}

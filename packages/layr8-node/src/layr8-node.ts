import type { CreatedBackup } from "@parley/server-kit";
import type { ApiKeyInfo, ApiKeyOptions, CreatedApiKey } from "./identity/api-keys.ts";

/** A running node. */
export interface Layr8Node extends AsyncDisposable {
  /** Where agents connect: `ws://127.0.0.1:4000/plugin_socket/websocket`. */
  readonly url: string;
  /** Origin of the HTTP API: REST calls for credentials, `/openapi.json`, DID documents, `/health`, `/ready`, `/metrics`. */
  readonly httpUrl: string;
  readonly port: number;
  /** Origin of `/health`, `/ready` and `/metrics`. Equals `httpUrl` unless `metricsPort` is set. */
  readonly metricsUrl: string;
  /** Address of the admin console, with its token; set if the server has one of its own. */
  readonly adminUrl: string | undefined;
  /**
   * An API key that may bind any DID. Set only if the node had no API key and created this one. It can't be read again later; with a data
   * directory it stays valid after a restart.
   */
  readonly apiKey: string | undefined;
  /**
   * Creates an API key. The returned value is the only copy of the key; the node stores its hash.
   *
   * @throws TypeError for a wrong option; StorageError `closed`, `storage_failed`
   */
  createApiKey(options: ApiKeyOptions): Promise<CreatedApiKey>;
  /**
   * Revokes an API key and closes its connections. Resolves to `false` if the id is unknown.
   *
   * @throws StorageError `closed`, `storage_failed`
   */
  revokeApiKey(id: string): Promise<boolean>;
  /** The API keys, without the keys themselves. */
  listApiKeys(): readonly ApiKeyInfo[];
  /**
   * Deletes an agent with its keys, inbox, credentials and dead letters, and ends its connections. Senders get a report about
   * messages that it has not handled. An API key that covers the DID can create it again, with new keys. Resolves to `false` if the node doesn't host the DID.
   *
   * @throws StorageError `closed`, `storage_failed`
   */
  deleteAgent(did: string): Promise<boolean>;
  /**
   * Reads the policies again with `readPolicies`, and puts them in force. Resolves to their number. If they can't be read, the present ones stay
   * in force.
   *
   * @throws TypeError without `readPolicies`; as `readPolicies`; StorageError `closed`
   */
  reloadPolicies(): Promise<number>;
  /**
   * Replaces `node.key` of the data directory, and encrypts the private keys of all DIDs with the new one. Earlier backups need their own
   * `node.key`.
   *
   * @throws TypeError if the key comes from the option `nodeKey`, or without a data directory; StorageError `closed`, `storage_failed`
   */
  rotateNodeKey(): Promise<void>;
  /**
   * Backs up the data directory while the node runs: the data of one moment with its `node.key`, in a new directory (mode 0700).
   *
   * @throws TypeError without a data directory; StorageError `closed`, `data_dir_unusable` (the directory is not empty), `storage_failed`
   */
  backup(directory: string): Promise<CreatedBackup>;
  /**
   * Stops the node: rejects new connections, requests that connected agents reconnect later, and resolves when all accepted messages are on
   * disk. Idempotent.
   */
  close(): Promise<void>;
}

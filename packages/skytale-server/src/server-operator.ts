import { Mutex } from "@parley/core/internal";
import type { CreatedBackup, ServerStorage } from "@parley/server-kit";
import { rotateSealingKey } from "@parley/storage";
import { ApiError } from "./api/api-error.ts";
import type { Services } from "./api/services.ts";
import { backupStorage } from "./backup.ts";
import type { ReadSkytaleOptions } from "./options.ts";
import type { Relay } from "./relay/relay.ts";
import { SERVER_KEY_FILE } from "./server-key.ts";
import type { Stores } from "./stores.ts";
import type { ApiProcess } from "./workers/api-process.ts";

/** Components of a server that {@link ServerOperator} changes. */
export interface OperatorParts {
  readonly storage: ServerStorage;
  readonly stores: Stores;
  readonly services: Services;
  readonly options: ReadSkytaleOptions;
  readonly relay: () => Relay;
  /** With `workers`. */
  readonly apiProcess: () => ApiProcess | undefined;
}

/** Changes that an operator can make in a running server, apart from API keys. */
export class ServerOperator {
  readonly #parts: OperatorParts;
  /** A backup has the data and the server key of one moment. */
  readonly #keyAndData = new Mutex();

  constructor(parts: OperatorParts) {
    this.#parts = parts;
  }

  /**
   * Deletes a channel: its grants, invites and join requests, its subscriptions, its messages and Welcomes.
   *
   * @throws ApiError `not_found`; StorageError `storage_failed`
   */
  async deleteChannel(name: string): Promise<void> {
    const { services, relay, stores } = this.#parts;
    const { log, welcomes } = stores.logs;
    await services.deletions.deleteChannel(name);
    relay().forgetChannel(name);
    await log.clear(name);
    await welcomes.clear(name);
  }

  /**
   * Deletes an account with its API keys, its access to channels of others, and its orgs.
   *
   * @param withChannels whether its own channels are deleted, too.
   * @returns the deleted channels.
   * @throws ApiError `not_found`; TypeError if it owns channels and `withChannels` is not set; StorageError `storage_failed`
   */
  async deleteAccount(accountId: string, withChannels: boolean): Promise<readonly string[]> {
    const { deletions } = this.#parts.services;
    const { owned } = await deletions.channelsOf(accountId);
    if (owned.length > 0 && !withChannels) {
      const named = owned.slice(0, 5).join(", ");
      throw new TypeError(
        `the account owns ${owned.length} channels (${named}), which would be deleted with it: confirm that with channels=delete`,
      );
    }
    // Without its keys, it can't make others.
    await deletions.revokeKeys(accountId);
    for (const name of owned) {
      await this.deleteChannel(name).catch((error: unknown) => {
        if (!(error instanceof ApiError) || error.code !== "not_found") throw error;
      });
    }
    await deletions.deleteAccount(accountId);
    return owned;
  }

  /**
   * Replaces `server.key` of the data directory, and seals the signing keys with the new one.
   *
   * @throws TypeError if the key is not in a file, or the API's process does not respond; StorageError `storage_failed`: the former key stays
   */
  async rotateServerKey(): Promise<void> {
    const { storage, services, options } = this.#parts;
    const { directory } = storage;
    if (directory === undefined || options.serverKey !== undefined)
      throw new TypeError("the server key is not in a data directory: it comes from the configuration, or the server keeps no data");
    const rotate = (): Promise<void> => rotateSealingKey(directory, SERVER_KEY_FILE, (next) => services.signingKeys.changeSealingKey(next));
    await this.#keyAndData.run(() => this.#parts.apiProcess()?.changeKeys(rotate) ?? rotate());
  }

  /** Backs up the server. @throws as `createBackup` */
  backup(directory: string): Promise<CreatedBackup> {
    return this.#keyAndData.run(() => backupStorage(this.#parts.storage, directory));
  }
}

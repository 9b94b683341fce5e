import { Mutex } from "@parley/core/internal";
import type { CreatedBackup, ServerStorage } from "@parley/server-kit";
import { rotateSealingKey } from "@parley/storage";
import type { Audit } from "./audit/audit.ts";
import { backupStorage } from "./backup.ts";
import type { Wallet } from "./credentials/wallet.ts";
import { replayDeadLetter } from "./dead-letters/replay-dead-letter.ts";
import type { OutboundSelection } from "./federation/outbound/outbound.ts";
import type { Federation } from "./federation/federation.ts";
import { NODE_KEY_FILE } from "./identity/node-key.ts";
import type { InboxMessage } from "./inbox/inbox.ts";
import type { ReadNodeOptions } from "./options.ts";
import type { Policies } from "./routing/authorize/policy.ts";
import type { Router } from "./routing/router.ts";
import type { Stores } from "./stores.ts";

/** Components of a node that {@link NodeOperator} changes. */
export interface OperatorParts {
  readonly storage: ServerStorage;
  readonly stores: Stores;
  readonly options: ReadNodeOptions;
  readonly policies: Policies;
  readonly router: () => Router;
  readonly federation: () => Federation;
  readonly wallet: () => Wallet;
  readonly audit: () => Audit | undefined;
}

/** Changes that an operator can make in a running node, apart from API keys. */
export class NodeOperator {
  readonly #parts: OperatorParts;
  /** A backup has the data and the node key of one moment. */
  readonly #keyAndData = new Mutex();

  constructor(parts: OperatorParts) {
    this.#parts = parts;
  }

  /**
   * Deletes an agent: its DID and keys, its inbox, credentials, dead letters and audit chain, and its connections. Unread messages are reported to their
   * senders. Resolves to `false` if the node doesn't host it.
   *
   * @throws StorageError `storage_failed`
   */
  async deleteAgent(did: string): Promise<boolean> {
    if (!(await this.#parts.stores.dids.remove(did))) return false;
    await this.forget(did, "deleted");
    return true;
  }

  /** Removes everything of a DID that is no longer hosted. */
  async forget(did: string, cause: "expired" | "deleted"): Promise<void> {
    const { stores, router, federation, wallet, audit } = this.#parts;
    federation().forget(did);
    await Promise.all([router().forget(did, cause), wallet().forget(did), stores.deadLetters?.removeAgent(did), audit()?.forget(did)]);
  }

  /**
   * Removes a waiting message. Its sender gets no report. Resolves to `false` if the inbox doesn't have it.
   *
   * @throws StorageError `storage_failed`
   */
  async purgeMessage(did: string, seq: number): Promise<boolean> {
    const message = await this.#find(did, seq);
    if (message === undefined) return false;
    this.#parts.audit()?.unhandled(message, "purged");
    await this.#parts.router().mailboxes.discard(did, seq);
    return true;
  }

  /**
   * Delivers a waiting message again now. Resolves to `false` if the inbox doesn't have it, or no agent is connected.
   *
   * @throws StorageError `storage_failed`
   */
  async redeliver(did: string, seq: number): Promise<boolean> {
    return (await this.#find(did, seq)) !== undefined && this.#parts.router().mailboxes.redeliver(did, seq);
  }

  /**
   * Removes messages that wait for another node: those of a sender to a recipient, or one of them. Their sender gets a problem report for each.
   * Returns their number.
   *
   * @throws Error if none is found, or all are being sent
   */
  purgeOutbound(selection: OutboundSelection): number {
    const { purged, beingSent } = this.#parts.federation().purge(selection);
    if (purged > 0) return purged;
    throw new Error(
      beingSent > 0
        ? "the message is in a request to the other node at this moment, which may accept it: try again"
        : `no message of ${selection.sender} waits for ${selection.recipient}, or not this one`,
    );
  }

  /** Sends a dead letter again, and removes it. @throws Error if it is unknown, or can't be sent */
  async replayDeadLetter(id: number): Promise<void> {
    const { stores, options, federation } = this.#parts;
    const stored = await stores.deadLetters?.read(id);
    if (stored === undefined) throw new Error("no such dead letter");
    const { letter, plaintext } = stored;
    if (!stores.dids.has(letter.did)) throw new Error(`${letter.did} is no longer hosted here`);
    const { messageTtlMs } = options.limits;
    await replayDeadLetter(letter, plaintext, { inbox: stores.inbox, remote: federation().remote, clock: stores.clock, messageTtlMs });
    await stores.deadLetters?.remove(id);
  }

  /**
   * Reads the policies again, and puts them in force. Resolves to their number. If they can't be read, the present ones stay in force.
   *
   * @throws TypeError without `readPolicies`; as `readPolicies`
   */
  async reloadPolicies(): Promise<number> {
    const { options, policies } = this.#parts;
    if (options.readPolicies === undefined) throw new TypeError("policies can't be reloaded: the node was started without --config");
    policies.replace(await options.readPolicies());
    return policies.size;
  }

  /**
   * Replaces `node.key` of the data directory, and encrypts all private keys with the new one.
   *
   * @throws TypeError if the key is not in a file; StorageError `storage_failed`: the former key stays
   */
  async rotateNodeKey(): Promise<void> {
    const { storage, stores, options } = this.#parts;
    const { directory } = storage;
    if (directory === undefined || options.nodeKey !== undefined)
      throw new TypeError("the node key is not in a data directory: it comes from the configuration, or the node keeps no data");
    await this.#keyAndData.run(() => rotateSealingKey(directory, NODE_KEY_FILE, (next) => stores.dids.changeNodeKey(next)));
  }

  /** Backs up the node. @throws as `createBackup` */
  backup(directory: string): Promise<CreatedBackup> {
    return this.#keyAndData.run(() => backupStorage(this.#parts.storage, directory));
  }

  async #find(did: string, seq: number): Promise<InboxMessage | undefined> {
    const box = await this.#parts.stores.inbox.peek(did);
    const [message] = await box.read({ after: seq - 1, limit: 1, maxLength: 1 });
    return message?.seq === seq ? message : undefined;
  }
}

import { equalBytes } from "../codec/bytes.ts";
import { closeAll, Mutex } from "@parley/core/internal";
import { applicationRows } from "./application-rows.ts";
import { exportSecret } from "../key-schedule/key-schedule.ts";
import type { KeyPackage } from "../join/key-package.ts";
import { MlsEngineError } from "../errors.ts";
import { membersOf, proposalOf, type MlsMember, type MlsProposal } from "./members.ts";
import { userKey, userKeys } from "./group-rows.ts";
import type { GroupSession, Pending } from "./group-session.ts";
import type { EncryptOptions, GroupRow, ProcessedMessage, StagedCommit, StageOptions, WriteOptions } from "./group-types.ts";
import { detectRollback, receive } from "./process-message.ts";
import { confirmCommit, discardCommit, endMembership } from "./confirm-commit.ts";
import { sealApplication } from "./seal.ts";
import { proposeLeave, stageCommit } from "./stage-commit.ts";

/** The engine's part in the operations of a group. */
export interface GroupHooks {
  /** Called when the group's partition is closed. */
  readonly onClose: () => void;
  /** Removes the closed partition. */
  readonly erase: () => Promise<void>;
  /** Reads a key package message. @throws MlsEngineError `invalid_key_package` */
  readonly readKeyPackage: (bytes: Uint8Array) => KeyPackage;
}

let create: (session: GroupSession, hooks: GroupHooks) => MlsGroup;

/** Creates the public object of a group. Called by the engine only. */
export function newGroup(session: GroupSession, hooks: GroupHooks): MlsGroup {
  return create(session, hooks);
}

/**
 * A group that this engine is a member of.
 *
 * Calls run one at a time, in their order. A call that fails changes nothing, with one exception: after a StoreError, close the group and load
 * it again. Errors that any call can throw: MlsEngineError `removed` and `closed`, StoreError.
 */
export class MlsGroup {
  /** The group's id, the same for all members. */
  readonly id: Uint8Array;
  readonly #hooks: GroupHooks;
  readonly #mutex = new Mutex();
  #session: GroupSession;
  #status: "active" | "removed" | "closed" = "active";

  static {
    create = (session, hooks) => new MlsGroup(session, hooks);
  }

  private constructor(session: GroupSession, hooks: GroupHooks) {
    this.#session = session;
    this.#hooks = hooks;
    this.id = session.state.context.groupId.slice();
  }

  /** The number of commits since the group was created. */
  get epoch(): bigint {
    return this.#session.epoch;
  }

  /** Whether this engine is a member, according to the messages processed so far. */
  get isActive(): boolean {
    return this.#status === "active";
  }

  /** The error of a failed write to the store. The group then rejects every call; load it again with `MlsEngine.loadGroup`. */
  get failure(): Error | undefined {
    return this.#session.failure;
  }

  /** The own leaf. */
  get ownLeaf(): number {
    return this.#session.state.ownLeaf;
  }

  /** The members, by leaf in ascending order. */
  get members(): readonly MlsMember[] {
    return membersOf(this.#session.state.tree);
  }

  /** Pending proposals. They are part of the next commit. */
  get proposals(): readonly MlsProposal[] {
    const { proposals, tree } = this.#session.state;
    return Array.from(proposals.values(), (pending) => proposalOf(pending, tree));
  }

  /** The commit that was staged and neither confirmed nor discarded, also after a restart. */
  get pending(): StagedCommit | undefined {
    const { pending } = this.#session;
    return pending && this.#staged(pending);
  }

  /**
   * A value that is equal for all members of the epoch, to compare over another channel (RFC 9420 §8.7).
   *
   * @throws MlsEngineError `removed`, `closed`
   */
  get epochAuthenticator(): Uint8Array {
    return this.#member().state.secrets.epochAuthenticator.slice();
  }

  /**
   * Whether keys may have been used although the stored state shows them as unused: the end of the store was lost, or an own message was
   * delivered that another copy of the store sent. Then {@link MlsGroup.encrypt} fails until an own commit is staged and confirmed. That commit
   * always replaces the keys, and is sent as PublicMessage, which uses no key of the epoch. Survives restarts.
   */
  get needsUpdate(): boolean {
    return this.#session.needsUpdate;
  }

  /** Sets {@link MlsGroup.needsUpdate}. It is on disk when the promise resolves. */
  requireUpdate(): Promise<void> {
    return this.#step((session) => session.requireUpdate());
  }

  /**
   * Sets {@link MlsGroup.needsUpdate} if a message was sent by another copy of this group's state. Call it for messages that are processed later,
   * because earlier ones are missing. Messages of other epochs and invalid ones are ignored.
   */
  detectRollback(message: Uint8Array): Promise<void> {
    return this.#step((session) => detectRollback(session, message));
  }

  /**
   * Encrypts a message for all members and signs it.
   *
   * @throws MlsEngineError `proposals_waiting` (commit them first), `update_required` (see {@link MlsGroup.needsUpdate}), `too_large`
   * @throws TypeError
   * @example
   * ```ts
   * import type { MlsGroup } from "@parley/mls-engine";
   *
   * async function send(group: MlsGroup, text: string): Promise<Uint8Array> {
   *   const data = new TextEncoder().encode(text);
   *   return group.encrypt(data, { commitWith: [{ key: "last-sent", value: data }] });
   * }
   * ```
   */
  encrypt(data: Uint8Array, options: EncryptOptions = {}): Promise<Uint8Array> {
    if (!(data instanceof Uint8Array)) throw new TypeError("The data to encrypt must be a Uint8Array");
    return this.#step(async (session) => {
      const message = await sealApplication(session, data, options.aad, options.padding);
      const rows = applicationRows(options.commitWith, message);
      if (rows.length > 0 || options.durability === "durable") await session.write(rows, options.durability ?? "soon");
      return message;
    });
  }

  /**
   * Processes a message of the group: decrypts and verifies it, and applies a proposal or commit.
   *
   * Application messages may arrive in any order within an epoch. Commits must arrive in the order of the group. A rejected message changes
   * nothing.
   *
   * When the promise resolves, a commit is on disk, and the secrets that it replaces are erased from it. Other messages are on disk soon
   * afterwards, or with `durability: "durable"` at once. A crash may undo the last of them together with their `commitWith` rows; then process
   * the same messages again.
   *
   * @throws MlsEngineError
   * - `malformed`, `too_large`, `unsupported`, `wrong_group`
   * - `epoch_mismatch`: an epoch that is not reached yet (`retryable`), or one that is no longer retained
   * - `fork`: a second commit of a past epoch, or an own commit that was discarded
   * - `decryption_failure`: not sent by a member, or modified
   * - `generation_consumed`: processed before
   * - `generation_too_far`, `own_message`
   * - `rolled_back`: an own commit that is missing in the stored state
   * - `invalid_commit`, `invalid_proposal`, `credential_refused`, `identity_taken`, `unknown_psk`, `group_full`
   */
  process(message: Uint8Array, options: WriteOptions<ProcessedMessage> = {}): Promise<ProcessedMessage> {
    if (!(message instanceof Uint8Array)) throw new TypeError("The message must be a Uint8Array");
    return this.#step(async (session) => {
      const { pending } = session;
      if (pending && equalBytes(message, pending.commit)) return confirmCommit(session, pending, options.commitWith);
      const received = await receive(session, message);
      if (received.kind === "removed") {
        await endMembership(session, received.result, options.commitWith, () => (this.#status = "removed"));
        return received.result;
      }
      const extra = applicationRows(options.commitWith, received.result);
      const isCommit = received.result.kind === "commit";
      // A commit is written with one flush: `compact` below makes it durable and erases the replaced secrets.
      await session.write([...received.begin(), ...extra], isCommit ? "soon" : (options.durability ?? "soon"));
      received.apply();
      if (isCommit) await session.compact();
      return received.result;
    });
  }

  /**
   * Creates one commit of several changes and stores it. It takes effect when it is confirmed.
   *
   * @throws MlsEngineError `commit_pending`, `invalid_key_package`, `credential_refused`, `identity_taken`, `no_such_member`, `group_full`,
   *   `unknown_psk`
   */
  stage(options: StageOptions = {}): Promise<StagedCommit> {
    return this.#step(async (session) => {
      if (session.pending) throw new MlsEngineError("commit_pending", "A commit is staged already: confirm or discard it first");
      const pending = await stageCommit(session, options, this.#hooks.readKeyPackage);
      return this.#staged(pending);
    });
  }

  /** {@link MlsGroup.stage} a commit that adds members. */
  stageAdd(keyPackages: readonly Uint8Array[]): Promise<StagedCommit> {
    return this.stage({ add: keyPackages });
  }

  /** {@link MlsGroup.stage} a commit that removes members. */
  stageRemove(leaves: readonly number[]): Promise<StagedCommit> {
    return this.stage({ remove: leaves });
  }

  /** {@link MlsGroup.stage} a commit that replaces the own keys. Old keys that were stolen are of no use afterwards. */
  stageUpdate(): Promise<StagedCommit> {
    return this.stage({ update: true });
  }

  /**
   * Proposes to remove this member, and returns the message for the group. This engine is a member until another member commits the proposal. If
   * a commit without it ends the epoch, the proposal is void: call `leave` again.
   */
  leave(): Promise<Uint8Array> {
    return this.#step((session) => proposeLeave(session));
  }

  /**
   * Derives a secret that only the members of this epoch know (RFC 9420 §8.5).
   *
   * @param length 1 to 8160 bytes
   */
  exportSecret(label: string, context: Uint8Array, length: number): Promise<Uint8Array> {
    if (!Number.isSafeInteger(length) || length < 1 || length > MAX_EXPORT)
      throw new TypeError(`The length of an exported secret must be 1 to ${MAX_EXPORT} bytes`);
    return this.#step(async (session) => exportSecret(session.env.suite, session.state.secrets, label, context, length));
  }

  /** A row of the application, as {@link WriteOptions.commitWith} stored it. */
  row(key: string): Uint8Array | undefined {
    this.#open();
    return this.#session.partition.get(userKey(key));
  }

  /** The keys of the application's rows that start with `prefix`. */
  rowKeys(prefix = ""): readonly string[] {
    this.#open();
    return userKeys(this.#session.partition.keys(userKey(prefix)));
  }

  /**
   * Stores rows of the application. They and all earlier steps are on disk when the promise resolves, unless `durability` is `"soon"`.
   *
   * @param rows a function is called when all earlier steps have written theirs, so its rows can continue those.
   */
  writeRows(
    rows: readonly GroupRow[] | (() => readonly GroupRow[]),
    { durability = "durable" }: Pick<WriteOptions<void>, "durability"> = {},
  ): Promise<void> {
    return this.#enqueue(async () => this.#open().write(applicationRows(rows, undefined), durability));
  }

  /** Resolves when all earlier steps are on disk. */
  flush(): Promise<void> {
    return this.writeRows([]);
  }

  /** Erases the group's keys and everything that is stored of it. The other members are not notified. */
  remove(): Promise<void> {
    return this.#enqueue(async () => {
      if (this.#status === "closed") throw closed();
      await closeAll(
        () => this.#closePartition(),
        () => this.#hooks.erase(),
      );
    });
  }

  /** Makes all steps durable and closes the group. The stored group stays. Idempotent. */
  close(): Promise<void> {
    return this.#enqueue(async () => {
      if (this.#status !== "closed") await this.#closePartition();
    });
  }

  async #closePartition(): Promise<void> {
    this.#status = "closed";
    await closeAll(
      () => this.#session.partition.close(),
      () => this.#session.eraseAll(),
      () => this.#hooks.onClose(),
    );
  }

  #staged(pending: Pending): StagedCommit {
    const { commit, welcome } = pending;
    const isPending = (session: GroupSession): boolean => session.pending !== undefined && equalBytes(session.pending.commit, commit);
    return {
      commit: commit.slice(),
      welcome: welcome?.slice(),
      epoch: this.epoch,
      confirm: (options = {}) =>
        this.#step(async (session) => {
          if (!session.pending || !isPending(session))
            throw new MlsEngineError("no_commit_pending", "The commit is not pending: it was confirmed, discarded or superseded");
          return confirmCommit(session, session.pending, options.commitWith);
        }),
      discard: () =>
        this.#step(async (session) => {
          if (isPending(session)) await discardCommit(session, commit);
        }),
    };
  }

  #step<T>(step: (session: GroupSession) => Promise<T>): Promise<T> {
    return this.#enqueue(async () => {
      const session = this.#member();
      if (session.failure !== undefined) throw session.failure;
      return step(session);
    });
  }

  #enqueue<T>(task: () => Promise<T>): Promise<T> {
    return this.#mutex.run(task);
  }

  #member(): GroupSession {
    const session = this.#open();
    if (this.#status === "removed") throw new MlsEngineError("removed", "This engine was removed from the group");
    return session;
  }

  #open(): GroupSession {
    if (this.#status === "closed") throw closed();
    return this.#session;
  }
}

/** The longest output of HKDF with the shortest hash: 255 blocks of 32 bytes. */
const MAX_EXPORT = 8160;
function closed(): MlsEngineError {
  return new MlsEngineError("closed", "The group is closed");
}

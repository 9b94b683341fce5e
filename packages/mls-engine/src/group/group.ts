import { closeAll } from "@parley/core/internal";
import { alsoRows } from "./application-rows.ts";
import { exportFrom } from "../key-schedule/key-schedule.ts";
import type { KeyPackage } from "../join/key-package.ts";
import { MlsError } from "../errors.ts";
import { membersOf, proposalOf, type MlsMember, type MlsProposal } from "./members.ts";
import { userKey, userKeys } from "./group-rows.ts";
import type { GroupSession, Pending } from "./group-session.ts";
import type { EncryptOptions, GroupRow, ProcessedMessage, StagedCommit, StageOptions, WriteOptions } from "./group-types.ts";
import { Mutex } from "./mutex.ts";
import { noticeOwn, receive } from "./process-message.ts";
import { confirmCommit, discardCommit, endMembership } from "./confirm-commit.ts";
import { sealApplication } from "./seal.ts";
import { proposeLeave, stageCommit } from "./stage-commit.ts";
import { equalBytes } from "../codec/codec.ts";

/** What a group tells its engine. */
export interface GroupHooks {
  /** The group's partition is free. */
  readonly onClose: () => void;
  /** Removes what is stored. */
  readonly erase: () => Promise<void>;
  /** Reads a key package; throws MlsError `invalid_key_package` for whatever is none. */
  readonly readKeyPackage: (bytes: Uint8Array) => KeyPackage;
}

let create: (session: GroupSession, hooks: GroupHooks) => MlsGroup;

/** Makes a group's outside. Only the engine does. */
export function newGroup(session: GroupSession, hooks: GroupHooks): MlsGroup {
  return create(session, hooks);
}

/**
 * A group that this engine is a member of.
 *
 * Steps are taken one at a time, in the order of the calls. A step that fails changes nothing; only when the store fails must the group
 * be loaded anew.
 */
export class MlsGroup {
  /** The group's name, the same for all members. */
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

  /** Counts the commits since the group was made. */
  get epoch(): bigint {
    return this.#session.epoch;
  }

  /** Whether we are a member, as far as is known here. */
  get isActive(): boolean {
    return this.#status === "active";
  }

  /** Why the store could not be written. The group rejects every step then; load it again with `MlsEngine.loadGroup`. */
  get failure(): Error | undefined {
    return this.#session.failure;
  }

  /** One's own leaf. */
  get ownLeaf(): number {
    return this.#session.state.ownLeaf;
  }

  /** Who is in the group, by leaf. */
  get members(): readonly MlsMember[] {
    return membersOf(this.#session.state.tree);
  }

  /** Proposals that wait for a commit. */
  get proposals(): readonly MlsProposal[] {
    const { proposals, tree } = this.#session.state;
    return Array.from(proposals.values(), (pending) => proposalOf(pending, tree));
  }

  /** The commit that was staged here and neither confirmed nor discarded, also after a restart. */
  get pending(): StagedCommit | undefined {
    const { pending } = this.#session;
    return pending && this.#staged(pending);
  }

  /**
   * The same for all members of the epoch, and no secret of use to others; to compare over another channel (RFC 9420 §8.7).
   *
   * @throws MlsError `removed`, `closed`
   */
  get epochAuthenticator(): Uint8Array {
    return this.#member().state.secrets.epochAuthenticator.slice();
  }

  /**
   * Whether keys may have been used that the stored state shows as unused: the store has lost its end, or an own message has come that an
   * older copy of the store doesn't know. Nothing is encrypted then, before an own commit that is staged from now on is confirmed; such a
   * commit always replaces the keys, and is sent as PublicMessage, for which no key of the epoch is needed. Survives restarts.
   */
  get needsUpdate(): boolean {
    return this.#session.isOutdated;
  }

  /** Makes the group replace its keys before it encrypts anything: see {@link MlsGroup.needsUpdate}. Durable when it resolves. */
  requireUpdate(): Promise<void> {
    return this.#step((session) => session.markOutdated());
  }

  /**
   * Looks at a message that can't be processed yet, since others before it haven't been, for whether it shows that
   * {@link MlsGroup.needsUpdate}. Messages of other epochs, and whatever can't be read, are ignored.
   */
  noticeOwn(message: Uint8Array): Promise<void> {
    return this.#step((session) => noticeOwn(session, message));
  }

  /**
   * Encrypts a message to all members, signed by this one.
   *
   * @throws MlsError `proposals_waiting` (commit first), `update_required` (see {@link MlsGroup.needsUpdate}), `too_large`, `removed`,
   *   `closed`; TypeError
   */
  encrypt(data: Uint8Array, options: EncryptOptions = {}): Promise<Uint8Array> {
    if (!(data instanceof Uint8Array)) throw new TypeError("What is encrypted must be a Uint8Array");
    return this.#step(async (session) => {
      const message = await sealApplication(session, data, options.aad, options.padding);
      const rows = alsoRows(options.also, message);
      if (rows.length > 0 || options.durability === "durable") await session.write(rows, options.durability ?? "soon");
      return message;
    });
  }

  /**
   * Takes a message of the group, from whatever source: decrypts, verifies, and brings the group to where the message leads.
   *
   * Messages may come out of order within an epoch; commits must come in the order of the group. What is refused changes nothing.
   * A commit is on disk when this resolves, and what it replaces is off it. Other messages are on disk soon after, unless it is asked for:
   * a crash may undo the last steps together with their `also` rows, and the same messages can be processed again.
   *
   * @throws MlsError
   * - `malformed`, `too_large`, `unsupported`, `wrong_group`
   * - `epoch_mismatch`: of an epoch not reached yet (`retryable`), or of one that is kept no longer
   * - `fork`: a member's commit for an epoch that was left by another commit, or an own one that was discarded
   * - `decryption_failure`: from no member, or changed on the way
   * - `generation_consumed`: processed before
   * - `generation_too_far`, `own_message`
   * - `rolled_back`: an own commit that the stored state doesn't know
   * - `invalid_commit`, `invalid_proposal`, `credential_refused`, `unknown_psk`, `group_full`
   * - `removed`, `closed`
   * @throws StoreError: the group takes no step any more; load it anew
   */
  process(message: Uint8Array, options: WriteOptions<ProcessedMessage> = {}): Promise<ProcessedMessage> {
    if (!(message instanceof Uint8Array)) throw new TypeError("A message is a Uint8Array");
    return this.#step(async (session) => {
      const { pending } = session;
      if (pending && equalBytes(message, pending.commit)) return confirmCommit(session, pending, options.also);
      const received = await receive(session, message);
      if (received.kind === "removed") {
        await endMembership(session, received.result, options.also, () => (this.#status = "removed"));
        return received.result;
      }
      const also = alsoRows(options.also, received.result);
      const isCommit = received.result.kind === "commit";
      await session.write([...received.begin(), ...also], isCommit ? "soon" : (options.durability ?? "soon"));
      received.apply();
      if (isCommit) await session.compact();
      return received.result;
    });
  }

  /**
   * Makes one commit that adds, removes and updates, and stores it. It takes effect only when confirmed.
   *
   * @throws MlsError `commit_pending`, `invalid_key_package`, `credential_refused`, `no_such_member`, `group_full`, `unknown_psk`,
   *   `removed`, `closed`
   */
  stage(options: StageOptions = {}): Promise<StagedCommit> {
    return this.#step(async (session) => {
      if (session.pending) throw new MlsError("commit_pending", "A commit is staged already; confirm or discard it first");
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

  /** {@link MlsGroup.stage} a commit that changes one's own keys, so that who stole the old ones is locked out. */
  stageUpdate(): Promise<StagedCommit> {
    return this.stage({ update: true });
  }

  /**
   * Proposes that others remove us; gives the message for the group. Nobody can remove itself: until somebody commits it, we stay. A commit
   * that doesn't hold it ends the epoch and the proposal with it; propose again then.
   *
   * @throws MlsError `removed`, `closed`
   */
  leave(): Promise<Uint8Array> {
    return this.#step((session) => proposeLeave(session));
  }

  /**
   * A secret that all members of this epoch can derive, and nobody else (RFC 9420 §8.5).
   *
   * @param length 1 to 8160 bytes
   */
  exportSecret(label: string, context: Uint8Array, length: number): Promise<Uint8Array> {
    if (!Number.isSafeInteger(length) || length < 1 || length > MAX_EXPORT) throw new TypeError(`A secret has 1 to ${MAX_EXPORT} bytes`);
    return this.#step((session) => exportFrom(session.env.suite, session.state.secrets, label, context, length));
  }

  /** A row of the application's own, as `also` has stored it. */
  row(key: string): Uint8Array | undefined {
    this.#open();
    return this.#session.partition.get(userKey(key));
  }

  /** Keys of the application's own rows. */
  rowKeys(prefix = ""): readonly string[] {
    this.#open();
    return userKeys(this.#session.partition.keys(userKey(prefix)));
  }

  /** Stores rows of the application's own, and waits until everything before is on disk. */
  writeRows(rows: readonly GroupRow[]): Promise<void> {
    return this.#enqueue(async () => this.#open().write(alsoRows(rows, undefined), "durable"));
  }

  /** Waits until everything that was done is on disk. */
  flush(): Promise<void> {
    return this.writeRows([]);
  }

  /** Forgets the group: erases its keys and all that is stored of it. The other members aren't told. */
  remove(): Promise<void> {
    return this.#enqueue(async () => {
      if (this.#status === "closed") throw closed();
      await closeAll(
        () => this.#closePartition(),
        () => this.#hooks.erase(),
      );
    });
  }

  /** Makes everything durable and frees the group's memory. What is stored stays. Idempotent. */
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
          if (!session.pending || !isPending(session)) throw new MlsError("no_commit_pending", "This commit is not pending any more");
          return confirmCommit(session, session.pending, options.also);
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
    if (this.#status === "removed") throw new MlsError("removed", "We are no member of this group any more");
    return session;
  }

  #open(): GroupSession {
    if (this.#status === "closed") throw closed();
    return this.#session;
  }
}

/** What HKDF can expand to with the shortest of the hashes. */
const MAX_EXPORT = 8160;
function closed(): MlsError {
  return new MlsError("closed", "The group is closed");
}

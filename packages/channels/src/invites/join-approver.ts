import { ParleyError } from "@parley/core";
import { signalWithin } from "@parley/core/internal";
import type { ApiClient } from "../api/api-client.ts";
import type { PendingJoin } from "../api/join-state.ts";
import { ChannelError } from "../errors.ts";
import { InviteError } from "./invite-error.ts";
import { IDENTITY_TAKEN_REASON } from "./join-rejection.ts";
import { signatureKeyIn } from "./key-package-holder.ts";
import type { PendingAdmissionStore } from "./pending-admission-store.ts";

/** The part of a channel that approving join requests needs. */
export interface JoinableChannel {
  readonly name: string;
  /** This agent's own signature key. */
  readonly ownKey: Uint8Array;
  /** Whether this agent is still a member. */
  isActive(): boolean;
  /** Signature keys of all members. */
  memberKeys(): readonly Uint8Array[];
  /** Whether the member with this signature key was added recently and has committed nothing since, so that it may lack its Welcome. */
  wasAddedRecently(signatureKey: Uint8Array): boolean;
  /** Adds all key packages in one commit, and returns the welcome for all of them. */
  addMembers(keyPackages: readonly Uint8Array[], signal: AbortSignal): Promise<Uint8Array>;
  removeMember(signatureKey: Uint8Array, signal: AbortSignal): Promise<void>;
}

/** Constructor parameters of {@link JoinApprover}. */
export interface JoinApproverOptions {
  readonly channel: JoinableChannel;
  readonly pendingAdmissions: PendingAdmissionStore;
  readonly api: ApiClient;
  readonly signal: AbortSignal;
  /** Called when an attempt to answer a request failed. */
  readonly onFailure: (join: PendingJoin, error: unknown) => void;
}

/** Longest time to store a welcome on the server, in milliseconds. After that, any member may remove the joiner and add it again. */
const STORE_MS = 5000;
const MAX_REASON = 200;

/**
 * Adds approved joiners to the channel, and stores the welcome or the rejection of each request on the server.
 *
 * Called by `JoinRequestWorker`. A crash between the commit and storing the welcome leaves a member without its Welcome: the request is
 * therefore recorded in the {@link PendingAdmissionStore} before the commit.
 */
export class JoinApprover {
  readonly #options: JoinApproverOptions;

  constructor(options: JoinApproverOptions) {
    this.#options = options;
  }

  /** Approves requests in a single commit. If the commit fails, each half is tried alone, so one bad key package does not block others. */
  async approve(joins: readonly PendingJoin[]): Promise<void> {
    const { channel, pendingAdmissions, signal, onFailure } = this.#options;
    const [first, ...rest] = withoutDuplicateKeys(joins, onFailure);
    if (first === undefined) return;
    const chosen = [first, ...rest];
    await pendingAdmissions.add(chosen.map(({ requestId }) => requestId));
    let welcome: Uint8Array;
    try {
      welcome = await channel.addMembers(
        chosen.map(({ keyPackage }) => keyPackage),
        signal,
      );
    } catch (error) {
      if (signal.aborted) return;
      if (rest.length === 0) return this.#addFailed(first, error);
      const half = Math.ceil(chosen.length / 2);
      await this.approve(chosen.slice(0, half));
      await this.approve(chosen.slice(half));
      return;
    }
    await Promise.all(chosen.map((join) => this.#storeWelcome(join, welcome)));
  }

  async reject(join: PendingJoin, reason: string): Promise<void> {
    try {
      await this.#options.api.rejectJoin(join, reason.slice(0, MAX_REASON), { signal: this.#deadline() });
    } catch (error) {
      if (!this.#options.signal.aborted && !isAnswered(error)) this.#options.onFailure(join, error);
    }
  }

  /** The request is retried unless its key package is at fault: another member may have added it, or the group cannot be changed now. */
  async #addFailed(join: PendingJoin, error: unknown): Promise<void> {
    this.#options.onFailure(join, error);
    await this.#options.pendingAdmissions.remove(join.requestId);
    const reason = rejectionReason(error);
    if (reason !== undefined) await this.reject(join, reason);
  }

  async #storeWelcome(join: PendingJoin, welcome: Uint8Array): Promise<void> {
    const { api, pendingAdmissions, signal, onFailure } = this.#options;
    try {
      await api.approveJoin({ ...join, memberKey: signatureKeyIn(join.keyPackage) }, welcome, { signal: this.#deadline() });
      await pendingAdmissions.remove(join.requestId);
    } catch (error) {
      if (signal.aborted) return;
      if (isAnswered(error)) await pendingAdmissions.remove(join.requestId);
      else {
        onFailure(join, error);
        if (error instanceof ChannelError) await this.#undo(join, error);
      }
    }
  }

  /** The server rejects this welcome permanently. Removes the new member, which would otherwise stay in the group without its Welcome. */
  async #undo(join: PendingJoin, { message }: ChannelError): Promise<void> {
    const { channel, pendingAdmissions, signal } = this.#options;
    const key = signatureKeyIn(join.keyPackage);
    if (key !== undefined) await channel.removeMember(key, signal);
    await pendingAdmissions.remove(join.requestId);
    await this.reject(join, message);
  }

  #deadline(): AbortSignal {
    return signalWithin(STORE_MS, this.#options.signal);
  }
}

/** A group accepts one member per signature key. Keeps the first request of each key. */
function withoutDuplicateKeys(joins: readonly PendingJoin[], onDuplicate: JoinApproverOptions["onFailure"]): PendingJoin[] {
  const keys = new Set<string>();
  return joins.filter((join) => {
    const key = Buffer.from(signatureKeyIn(join.keyPackage) ?? join.requestId).toString("hex");
    if (!keys.has(key)) return Boolean(keys.add(key));
    onDuplicate(join, new ChannelError("channel_error", "an agent has several pending join requests"));
    return false;
  });
}

/** Another member has answered, or the joiner has withdrawn its request. */
function isAnswered(error: unknown): boolean {
  if (error instanceof ChannelError) return error.code === "already_answered" || error.code === "not_found";
  return error instanceof InviteError && error.code === "join_expired";
}

const KEY_PACKAGE_ERRORS: ReadonlySet<string> = new Set([
  "invalid_key_package",
  "credential_refused",
  "malformed",
  "too_large",
  "unsupported",
]);

/** Why a request is rejected permanently; `undefined` if the joiner did not cause the failure. */
function rejectionReason(error: unknown): string | undefined {
  if (error instanceof ChannelError && error.code === "identity_taken") return IDENTITY_TAKEN_REASON;
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof ParleyError && KEY_PACKAGE_ERRORS.has(String(cause.code)))
      return `the key package can't be added: ${cause.message}`;
  }
  return undefined;
}

import { ParleyError } from "@parley/core";
import { signalWithin } from "@parley/core/internal";
import type { ApiClient } from "../api/api-client.ts";
import type { PendingJoin } from "../api/join-state.ts";
import { ChannelError } from "../errors.ts";
import type { PendingAdmissionStore } from "./pending-admission-store.ts";
import { IDENTITY_TAKEN_REASON } from "./join-rejection.ts";
import { InviteError } from "./invite-error.ts";
import { signatureKeyIn } from "./key-package-holder.ts";

/** A channel, as far as letting in goes. */
export interface JoinableChannel {
  readonly name: string;
  /** This member's own signature key. */
  readonly ownKey: Uint8Array;
  /** Whether this agent is still a member. */
  isActive(): boolean;
  /** Signature keys of all members. */
  memberKeys(): readonly Uint8Array[];
  /** Whether a member, by its signature key, was added lately and has done nothing since that shows it is there. */
  wasAddedRecently(signatureKey: Uint8Array): boolean;
  /** Adds all of them with one commit; gives the welcome for all of them. */
  addMembers(keyPackages: readonly Uint8Array[], signal: AbortSignal): Promise<Uint8Array>;
  /** Removes the member with a signature key. */
  removeMember(signatureKey: Uint8Array, signal: AbortSignal): Promise<void>;
}

/** What {@link JoinApprover} is made with. */
export interface JoinApproverOptions {
  readonly door: JoinableChannel;
  readonly intents: PendingAdmissionStore;
  readonly api: ApiClient;
  readonly signal: AbortSignal;
  /** A request could not be answered this time. */
  readonly onFailure: (join: PendingJoin, error: unknown) => void;
}

/** How long the welcome may take to the server, in milliseconds; after that the joiner is let in anew by whoever notices. */
const POST_MS = 5000;
const MAX_REASON = 200;

/** Adds who is admitted to the channel, and answers their requests. */
export class JoinApprover {
  readonly #options: JoinApproverOptions;

  constructor(options: JoinApproverOptions) {
    this.#options = options;
  }

  /** Admits requests with one commit. One that can't be added doesn't keep out the others. */
  async admit(joins: readonly PendingJoin[]): Promise<void> {
    const { door, intents, signal, onFailure } = this.#options;
    const [first, ...rest] = withoutTwins(joins, onFailure);
    if (first === undefined) return;
    const chosen = [first, ...rest];
    await intents.add(chosen.map(({ requestId }) => requestId));
    let welcome: Uint8Array;
    try {
      welcome = await door.addMembers(
        chosen.map(({ keyPackage }) => keyPackage),
        signal,
      );
    } catch (error) {
      if (signal.aborted) return;
      if (rest.length === 0) return this.#couldNotAdd(first, error);
      const half = Math.ceil(chosen.length / 2);
      await this.admit(chosen.slice(0, half));
      await this.admit(chosen.slice(half));
      return;
    }
    await Promise.all(chosen.map((join) => this.#bring(join, welcome)));
  }

  /** Refuses a request. */
  async refuse(join: PendingJoin, reason: string): Promise<void> {
    try {
      await this.#options.api.refuse(join, reason.slice(0, MAX_REASON), { signal: this.#deadline() });
    } catch (error) {
      if (!this.#options.signal.aborted && !isAnswered(error)) this.#options.onFailure(join, error);
    }
  }

  /** Others may have added it meanwhile, or nothing can be added now; a key package that no member can add is refused. */
  async #couldNotAdd(join: PendingJoin, error: unknown): Promise<void> {
    this.#options.onFailure(join, error);
    await this.#options.intents.remove(join.requestId);
    const reason = rejectionReason(error);
    if (reason !== undefined) await this.refuse(join, reason);
  }

  async #bring(join: PendingJoin, welcome: Uint8Array): Promise<void> {
    const { api, intents, signal, onFailure } = this.#options;
    try {
      await api.admit({ ...join, memberKey: signatureKeyIn(join.keyPackage) }, welcome, { signal: this.#deadline() });
      await intents.remove(join.requestId);
    } catch (error) {
      if (signal.aborted) return;
      if (isAnswered(error)) await intents.remove(join.requestId);
      else {
        onFailure(join, error);
        if (error instanceof ChannelError) await this.#undo(join, error);
      }
    }
  }

  /** The server will never take this welcome: whoever it is for must not stay a member without it. */
  async #undo(join: PendingJoin, { message }: ChannelError): Promise<void> {
    const { door, intents, signal } = this.#options;
    const key = signatureKeyIn(join.keyPackage);
    if (key !== undefined) await door.removeMember(key, signal);
    await intents.remove(join.requestId);
    await this.refuse(join, message);
  }

  #deadline(): AbortSignal {
    return signalWithin(POST_MS, this.#options.signal);
  }
}

/** Of requests with the same signature key, a group takes one at a time. */
function withoutTwins(joins: readonly PendingJoin[], onTwin: JoinApproverOptions["onFailure"]): PendingJoin[] {
  const keys = new Set<string>();
  return joins.filter((join) => {
    const key = Buffer.from(signatureKeyIn(join.keyPackage) ?? join.requestId).toString("hex");
    if (!keys.has(key)) return Boolean(keys.add(key));
    onTwin(join, new ChannelError("channel_error", "one agent asks to join more than once"));
    return false;
  });
}

/** Somebody else has answered, or the joiner has withdrawn. */
function isAnswered(error: unknown): boolean {
  if (error instanceof ChannelError) return error.code === "already_answered" || error.code === "not_found";
  return error instanceof InviteError && error.code === "join_expired";
}

const AT_FAULT: ReadonlySet<string> = new Set(["invalid_key_package", "credential_refused", "malformed", "too_large", "unsupported"]);

/** Why the joiner's request is refused for good; `undefined` when the failure is not about the joiner. */
function rejectionReason(error: unknown): string | undefined {
  if (error instanceof ChannelError && error.code === "identity_taken") return IDENTITY_TAKEN_REASON;
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof ParleyError && AT_FAULT.has(String(cause.code))) return `the key package can't be added: ${cause.message}`;
  }
  return undefined;
}

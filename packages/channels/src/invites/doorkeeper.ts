import { ParleyError } from "@parley/core";
import type { ApiClient } from "../api/api-client.ts";
import type { PendingJoin } from "../api/joins.ts";
import { ChannelError } from "../errors.ts";
import { InviteError } from "./invite-error.ts";
import { signatureKeyIn } from "./key-package.ts";

/** A channel, as far as letting in goes. */
export interface Door {
  readonly name: string;
  /** This member's own signature key. */
  readonly ownKey: Uint8Array;
  /** Whether this agent is still a member. */
  isActive(): boolean;
  /** Signature keys of all members. */
  memberKeys(): readonly Uint8Array[];
  /** Adds all of them with one commit; gives the welcome for all of them. */
  addMembers(keyPackages: readonly Uint8Array[], signal: AbortSignal): Promise<Uint8Array>;
  /** Removes the member with a signature key. */
  removeMember(signatureKey: Uint8Array, signal: AbortSignal): Promise<void>;
}

/** What {@link Doorkeeper} is made with. */
export interface DoorkeeperOptions {
  readonly door: Door;
  readonly api: ApiClient;
  readonly signal: AbortSignal;
  /** A request could not be answered this time. */
  readonly onFailure: (join: PendingJoin, error: unknown) => void;
}

/** How long the welcome may take to the server, in milliseconds; after that the joiner is let in anew by whoever notices. */
const POST_MS = 5000;
const MAX_REASON = 200;

/** Adds who is admitted to the channel, and answers their requests. */
export class Doorkeeper {
  readonly #options: DoorkeeperOptions;

  constructor(options: DoorkeeperOptions) {
    this.#options = options;
  }

  /** Admits requests with one commit. One that can't be added doesn't keep out the others. */
  async admit(joins: readonly PendingJoin[]): Promise<void> {
    const { door, signal, onFailure } = this.#options;
    const [first, ...rest] = withoutTwins(joins, onFailure);
    if (first === undefined) return;
    const chosen = [first, ...rest];
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
    await Promise.all(chosen.map((join) => this.#answer(join, (options) => this.#options.api.admit(join, welcome, options))));
  }

  /** Refuses a request. */
  async refuse(join: PendingJoin, reason: string): Promise<void> {
    await this.#answer(join, (options) => this.#options.api.refuse(join, reason.slice(0, MAX_REASON), options));
  }

  /** Others may have added it meanwhile, or nothing can be added now; a key package that no member can add is refused. */
  async #couldNotAdd(join: PendingJoin, error: unknown): Promise<void> {
    this.#options.onFailure(join, error);
    if (isKeyPackageAtFault(error)) await this.refuse(join, "the key package can't be added to the channel");
  }

  async #answer(join: PendingJoin, send: (options: { readonly signal: AbortSignal }) => Promise<void>): Promise<void> {
    const { signal, onFailure } = this.#options;
    try {
      await send({ signal: AbortSignal.any([signal, AbortSignal.timeout(POST_MS)]) });
    } catch (error) {
      if (!signal.aborted && !isAnswered(error)) onFailure(join, error);
    }
  }
}

/** Of requests with the same signature key, a group takes one at a time. */
function withoutTwins(joins: readonly PendingJoin[], onTwin: DoorkeeperOptions["onFailure"]): PendingJoin[] {
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

function isKeyPackageAtFault(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof ParleyError && AT_FAULT.has(String(cause.code))) return true;
  }
  return false;
}

import { ParleyError } from "@parley/core";
import { signalWithin } from "@parley/core/internal";
import { setTimeout as delay } from "node:timers/promises";
import { ChannelError, TransportError } from "../errors.ts";
import type { JoinState } from "../api/join-state.ts";
import type { ApiClient } from "../api/api-client.ts";
import type { Invite } from "./invite.ts";
import { InviteError } from "./invite-error.ts";
import { createJoinRequest, type JoinRequest } from "./join-request.ts";
import { joinRejectionError } from "./join-rejection.ts";
import type { JoinRequestStore } from "./join-request-store.ts";

/** Dependencies of a join. */
export interface JoinParts {
  readonly api: ApiClient;
  readonly joinRequests: JoinRequestStore;
  /** A new key package of the joiner. */
  readonly keyPackage: () => Promise<Uint8Array>;
  /** Aborts the join. */
  readonly signal: AbortSignal;
}

/** The channel to join, and the deadline. */
export interface JoinTarget {
  readonly channel: string;
  readonly invite: Invite;
  /** Deadline on the clock of `performance.now()`. */
  readonly until: number;
}

/** The answer to an approved join request. */
export interface ApprovedJoin {
  readonly welcome: Uint8Array;
  /** Deletes the request on this agent and on the server. Called when the welcome was used, or cannot be. */
  finish(): Promise<void>;
  /**
   * Rejects an unusable welcome: the request waits for the answer of another account. Returns false if the server does not keep it pending;
   * call {@link ApprovedJoin.finish} then.
   */
  reject(): Promise<boolean>;
}

/** Longest wait of one request to the server, in seconds. */
const WAIT_SECONDS = 25;
/** Pause after a failure, in milliseconds. */
const RETRY_MS = 500;
const SECOND = 1000;

/**
 * Requests to join a channel, and waits for the welcome. Continues a pending request of an earlier call or process.
 *
 * @throws InviteError; TransportError `join_timeout`: the request stays pending, and the next call with the same invite continues it
 * @throws AuthError; ChannelError
 */
export async function requestWelcome({ channel, invite, until }: JoinTarget, parts: JoinParts): Promise<ApprovedJoin> {
  let request = await parts.joinRequests.get(channel, invite.id);
  for (;;) {
    const isNew = request === undefined;
    request ??= await newRequest(channel, invite, parts);
    const answer = await answerTo(request, until, parts);
    if (answer.status === "admitted") return { welcome: answer.welcome, ...actionsFor(request, parts) };
    await parts.joinRequests.remove(request);
    if (answer.status === "refused") throw joinRejectionError(channel, answer.reason);
    if (isNew)
      throw new InviteError("join_expired", `no member of ${channel} answered the join request before it expired; ask for another invite`);
    request = undefined;
  }
}

async function newRequest(channel: string, invite: Invite, { keyPackage, joinRequests }: JoinParts): Promise<JoinRequest> {
  const request = createJoinRequest(invite, channel, await keyPackage());
  await joinRequests.put(request);
  return request;
}

type JoinAnswer = Exclude<JoinState, { readonly status: "pending" | "expired" }> | { readonly status: "expired" };

async function answerTo(request: JoinRequest, until: number, parts: JoinParts): Promise<JoinAnswer> {
  const { api, signal } = parts;
  let isSubmitted = false;
  for (;;) {
    const left = until - performance.now();
    if (left <= 0) throw joinTimeout(isSubmitted, request.channel);
    const deadline = signalWithin(Math.ceil(left));
    const bounded = AbortSignal.any([signal, deadline]);
    try {
      const state = isSubmitted
        ? await api.join(request.requestId, { waitSeconds: Math.min(WAIT_SECONDS, Math.ceil(left / SECOND)), signal: bounded })
        : await api.requestJoin(request, { signal: bounded });
      isSubmitted = true;
      if (state.status === "admitted" || state.status === "refused") return state;
      if (state.status === "expired") return { status: "expired" };
    } catch (error) {
      signal.throwIfAborted();
      if (deadline.aborted) throw joinTimeout(isSubmitted, request.channel);
      if (isSubmitted ? isGone(error) : isExpired(error)) return { status: "expired" };
      if (!isRetryable(error)) {
        // The server rejected the request permanently.
        if (error instanceof InviteError) await parts.joinRequests.remove(request);
        throw error;
      }
      await delay(RETRY_MS, undefined, { signal });
    }
  }
}

function actionsFor(request: JoinRequest, { api, joinRequests, signal }: JoinParts): Pick<ApprovedJoin, "finish" | "reject"> {
  return {
    finish: async () => {
      await joinRequests.remove(request);
      // If this fails, the server deletes the request when it expires.
      await api.removeJoin(request.requestId, { signal }).catch(() => undefined);
    },
    reject: async () => {
      try {
        return (await api.rejectWelcome(request.requestId, { signal })).status === "pending";
      } catch (error) {
        signal.throwIfAborted();
        if (isRetryable(error)) throw error;
        return false;
      }
    },
  };
}

function isExpired(error: unknown): boolean {
  return error instanceof InviteError && error.code === "join_expired";
}

function isGone(error: unknown): boolean {
  return isExpired(error) || (error instanceof ChannelError && error.code === "not_found");
}

function isRetryable(error: unknown): boolean {
  return error instanceof ParleyError && error.retryable;
}

function joinTimeout(isSubmitted: boolean, channel: string): TransportError {
  const why = isSubmitted
    ? `no member of ${channel} answered the join request in time; a member must be online. The request is still pending: call joinWithToken again with the same token`
    : `the API server did not accept the request to join ${channel} in time; call joinWithToken again with the same token`;
  return new TransportError("join_timeout", why);
}

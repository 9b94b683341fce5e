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

/** What a join needs. */
export interface JoinParts {
  readonly api: ApiClient;
  readonly records: JoinRequestStore;
  /** A new key package of the joiner. */
  readonly keyPackage: () => Promise<Uint8Array>;
  /** Ends what waits, with its reason. */
  readonly signal: AbortSignal;
}

/** What to join, and how long to wait for it. */
export interface JoinTarget {
  readonly channel: string;
  readonly invite: Invite;
  /** When to stop waiting, by `performance.now()`. */
  readonly until: number;
}

/** An answer to a request, and what to do when it has been used. */
export interface Welcomed {
  readonly welcome: Uint8Array;
  /** Forgets the request, here and at the server. */
  settle(): Promise<void>;
  /**
   * The welcome is of no use: has the request wait for another account's answer. False if it can't, or no longer: then it is to be settled.
   */
  reject(): Promise<boolean>;
}

/** Seconds for which the server is asked to wait at a time. */
const WAIT_SECONDS = 25;
/** Pause after a failure, in milliseconds. */
const RETRY_MS = 500;
const SECOND = 1000;

/**
 * Asks to join, and waits for the welcome. A request that was made before, by this or an earlier process, goes on.
 *
 * @throws InviteError; TransportError `join_timeout`: the request stays, and the same call goes on with it; AuthError; ChannelError
 */
export async function requestWelcome({ channel, invite, until }: JoinTarget, parts: JoinParts): Promise<Welcomed> {
  let request = await parts.records.get(channel, invite.id);
  for (;;) {
    const isNew = request === undefined;
    request ??= await newRequest(channel, invite, parts);
    const answer = await answerTo(request, until, parts);
    if (answer.status === "admitted") return { welcome: answer.welcome, ...ways(request, parts) };
    await parts.records.remove(request);
    if (answer.status === "refused") throw joinRejectionError(channel, answer.reason);
    if (isNew)
      throw new InviteError(
        "join_expired",
        `no member of ${channel} answered the request to join in the server's time; ask for another invite`,
      );
    request = undefined;
  }
}

async function newRequest(channel: string, invite: Invite, { keyPackage, records }: JoinParts): Promise<JoinRequest> {
  const request = createJoinRequest(invite, channel, await keyPackage());
  await records.put(request);
  return request;
}

type Answer = Exclude<JoinState, { readonly status: "pending" | "expired" }> | { readonly status: "expired" };

async function answerTo(request: JoinRequest, until: number, parts: JoinParts): Promise<Answer> {
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
      if (isSubmitted ? isForgotten(error) : isExpired(error)) return { status: "expired" };
      if (!isRetryable(error)) {
        // It was never taken, and never will be.
        if (error instanceof InviteError) await parts.records.remove(request);
        throw error;
      }
      await delay(RETRY_MS, undefined, { signal });
    }
  }
}

function ways(request: JoinRequest, { api, records, signal }: JoinParts): Pick<Welcomed, "settle" | "reject"> {
  return {
    settle: async () => {
      await records.remove(request);
      // The server forgets it by itself, only later.
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

function isForgotten(error: unknown): boolean {
  return isExpired(error) || (error instanceof ChannelError && error.code === "not_found");
}

function isRetryable(error: unknown): boolean {
  return error instanceof ParleyError && error.retryable;
}

function joinTimeout(isSubmitted: boolean, channel: string): TransportError {
  const why = isSubmitted
    ? `no member of ${channel} answered the request to join in time; some member must be online. The request still waits: call joinWithToken again with the same token`
    : `the API server took no request to join ${channel} in time; call joinWithToken again with the same token`;
  return new TransportError("join_timeout", why);
}

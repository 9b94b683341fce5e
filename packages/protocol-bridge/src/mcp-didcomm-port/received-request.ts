import type { Message } from "@parley/core";
import { threadOf } from "@parley/core";
import { deferred, type Deferred } from "@parley/core/internal";
import type { PendingCall } from "../runtime/pending-calls.ts";

/** A request that an agent has sent, until it is answered. Its key is its id in the envelope, which is unique also among agents. */
export interface ReceivedRequest extends PendingCall {
  readonly from: string;
  readonly thread: string;
  readonly type: string;
  readonly session: string;
  /** The agent's id of the request. Programs that share a DID can use the same ids. */
  readonly id: string | number;
  /** Resolves when the node has accepted the response, or with `false` when none will be sent. */
  readonly answered: Deferred<boolean>;
}

export function receivedRequest(
  { from = "", type, ...message }: Message,
  { key, session, id, bytes }: Pick<ReceivedRequest, "key" | "session" | "id" | "bytes">,
): ReceivedRequest {
  return { key, session, id, bytes, party: from, from, type, thread: threadOf(message), answered: deferred() };
}

import type { Audit } from "./audit/audit.ts";
import type { DeadLetterKeeper } from "./dead-letters/dead-letter-keeper.ts";
import type { Federation } from "./federation/federation.ts";
import { receiptSigner } from "./identity/sign-receipt.ts";
import type { NodeLimits } from "./options.ts";
import { checkFrameSize } from "./phoenix/delivery-payload.ts";
import { Router, type RouterEvents, type RouterOptions } from "./routing/router.ts";
import type { Stores } from "./stores.ts";

/** Longest wait for an acknowledgement, in milliseconds. */
const MAX_ACK_TIMEOUT_MS = 5 * 60_000;
/** Threads remembered per DID, to route responses to the connection that has sent the request. */
const MAX_THREADS = 16_384;

/** Components of a node that its router uses. */
export interface RouterParts extends Pick<RouterOptions, "mediator" | "policies" | "verifiers" | "grantCache"> {
  readonly stores: Stores;
  readonly limits: NodeLimits;
  readonly federation: Federation;
  readonly audit: Audit | undefined;
  readonly deadLetters: DeadLetterKeeper | undefined;
  readonly events: RouterEvents;
}

/** Creates the router of a node. */
export function createNodeRouter({ stores, limits, federation, audit, deadLetters, events, ...parts }: RouterParts): Router {
  const { inbox, dids, clock, shared, inboxShares } = stores;
  const router: Router = new Router({
    ...parts,
    audit,
    inbox,
    remote: federation.remote,
    crypto: federation.crypto,
    isHosted: (did) => dids.has(did),
    catchUp: shared && (async () => void (await Promise.all([dids.catchUp(), router.mailboxes.catchUp()]))),
    limits,
    ownerOf: (did) => dids.ownerOf(did),
    signReceipt: receiptSigner(dids),
    shareRecords: inboxShares,
    checkDelivery: (message) => checkFrameSize(message, limits.maxFrameBytes),
    delivery: {
      ackTimeoutMs: limits.ackTimeoutMs,
      maxAckTimeoutMs: Math.max(limits.ackTimeoutMs, MAX_ACK_TIMEOUT_MS),
      window: { maxMessages: limits.maxInFlight, maxLength: 4 * limits.maxMessageLength },
      maxThreads: MAX_THREADS,
      clock,
    },
    events: audit?.observe(events) ?? events,
    keepDeadLetter: (message, problem) => {
      audit?.unhandled(message, problem.code);
      deadLetters?.inbound(message, problem);
    },
  });
  inbox.onDamaged((message) => router.damaged(message));
  return router;
}

import type { Envelope } from "@parley/envelope-and-adapters";
import type { RetryingSender } from "./retrying-sender.ts";

/** An envelope to send. */
export interface OutboundEnvelope {
  readonly via: RetryingSender;
  readonly envelope: Envelope;
  /** Idempotency key: of all sends with one id, a port accepts a single one. */
  readonly id: string | undefined;
  /** The counter to increment once it is sent. Absent for protocol messages, such as a handshake. */
  readonly countAs?: "forwarded" | "answered";
  /** Called if the port rejects the envelope permanently. Returns what to send instead, such as an error to the caller. */
  readonly onRejected?: (error: unknown) => readonly OutboundEnvelope[];
}

/** The reaction to a received envelope. The pump performs it, then settles the envelope. */
export interface Action {
  readonly sends: readonly OutboundEnvelope[];
  /** The counter to increment for the envelope. */
  readonly countAs?: "looped" | "ignored";
  /** Delays settling until it resolves. If it rejects, the envelope stays unsettled and the port delivers it again. */
  readonly until?: Promise<unknown>;
  /** Called after all sends and `until`, just before the envelope is settled. */
  readonly beforeSettle?: () => void;
}

/** Settles the envelope without sending anything. */
export const NO_ACTION: Action = { sends: [] };

/** For envelopes that the bridge does not handle. */
export const IGNORED: Action = { sends: [], countAs: "ignored" };

/** For envelopes that have been at the other end of the bridge already. */
export const LOOPED: Action = { sends: [], countAs: "looped" };

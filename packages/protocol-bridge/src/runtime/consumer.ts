import type { EnvelopePort, Protocol, ReceivedEnvelope } from "@parley/envelope-and-adapters";
import type { Action } from "./action.ts";

/** An envelope together with its handler. If `run` throws, the envelope is skipped and the error is reported. */
export interface Task {
  readonly received: ReceivedEnvelope;
  run(received: ReceivedEnvelope): Action;
}

/** Decides the order in which waiting envelopes are handled. */
export interface TaskQueue {
  push(received: ReceivedEnvelope): void;
  /** Resolves with the next task once it can run, or with `undefined` when the bridge ends. Never rejects. */
  next(): Promise<Task | undefined>;
}

/** A subscription to one protocol of a port, and the handlers for its envelopes. */
export interface Consumer {
  readonly port: EnvelopePort;
  readonly protocol: Protocol;
  /** Holds envelopes that wait, so that the pump can keep reading. Absent: each envelope waits for the one before it. */
  readonly queue?: TaskQueue;
  /** Awaited before each envelope. Not used with a `queue`. */
  readonly ready?: () => Promise<void>;
  /**
   * Handles an envelope that need not wait for those before it. Returns `undefined` for envelopes that must wait. If it throws, the envelope is
   * skipped and the error is reported.
   */
  handleUnordered?(received: ReceivedEnvelope): Action | Promise<Action> | undefined;
  /** Handles an envelope in its order. If it throws, the envelope is skipped and the error is reported. */
  handle(received: ReceivedEnvelope): Action;
}

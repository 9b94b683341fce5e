import type { Consumer } from "./consumer.ts";
import type { Window } from "./window.ts";

/** A connection of a mailbox, as the console shows it. Durations are in milliseconds. */
export interface DescribedConnection {
  /** Id of its API key. */
  readonly key: string | undefined;
  /** Protocols that it handles. */
  readonly protocols: readonly string[];
  /** Since its last frame. */
  readonly silentMs: number;
  /** Since the last DID was bound on its link. */
  readonly joinedMs: number;
  /** Whether messages wait because its window or its send buffer is full. */
  readonly isFull: boolean;
  readonly inFlight: number;
  readonly deliveries: readonly {
    readonly seq: number;
    readonly id: string;
    readonly type: string;
    readonly from: string | undefined;
    readonly attempt: number;
    readonly sinceMs: number;
    readonly redeliveryInMs: number;
  }[];
}

/** Describes a connection and at most `maxInFlight` of its messages in flight. */
export function describeConnection(
  consumer: Consumer,
  window: Window<Consumer>,
  { protocols, maxInFlight, now }: { readonly protocols: Iterable<string>; readonly maxInFlight: number; readonly now: number },
): DescribedConnection {
  const inFlight = [...window.inFlight];
  const deliveries = inFlight.slice(0, maxInFlight).map(({ message, attempt, deliveredAt, dueAt }) => {
    const { seq, id, type, from } = message;
    return { seq, id, type, from, attempt, sinceMs: now - deliveredAt, redeliveryInMs: dueAt - now };
  });
  return {
    key: consumer.owner,
    protocols: [...protocols],
    silentMs: now - consumer.lastHeardAt,
    joinedMs: now - consumer.quietSince,
    isFull: window.starved,
    inFlight: inFlight.length,
    deliveries,
  };
}

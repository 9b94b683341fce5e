import { ParleyError, type CarriedContext, type Telemetry, type TelemetryOperation } from "@parley/core";
import { readTraceContext } from "@parley/core/internal";
import type { PostedMessages } from "./federation/outbound/outbound.ts";
import type { InboxMessage } from "./inbox/inbox.ts";
import type { RoutedMessage } from "./routing/routed-message.ts";
import type { RouterEvents } from "./routing/router.ts";

/**
 * Reports what a node does with a message as spans. Each is a trace of its own or a part of the sender's, whose context is in the message. The node does
 * not change that context: recipients get the message as it was written.
 */
export class NodeTelemetry {
  readonly #telemetry: Telemetry;

  constructor(telemetry: Telemetry) {
    this.#telemetry = telemetry;
  }

  /** Calls the given listeners, and reports their events. */
  observe(events: RouterEvents): RouterEvents {
    return {
      ...events,
      onAccepted: (inbound) => {
        events.onAccepted?.(inbound);
        this.#accepted(inbound);
      },
      onRejected: (sender, rejection, inbound) => {
        events.onRejected?.(sender, rejection, inbound);
        if (inbound !== undefined) this.#accepted(inbound, rejection.code ?? rejection.label);
      },
      onSettled: (message, outcome, ms) => {
        events.onSettled?.(message, outcome, ms);
        this.#settled(message, outcome, ms);
      },
      onRemoved: (message, ms, error) => {
        events.onRemoved?.(message, ms, error);
        this.#removed(message, ms, error);
      },
    };
  }

  posted({ messages, host, attempt, ms, error }: PostedMessages): void {
    for (const [index, { id, type, sender, recipient, plaintext }] of messages.entries()) {
      const carried = carriedIn(plaintext, sender);
      const about = { id, type, from: sender, to: [recipient], host, size: plaintext.length, attempt: index === 0 ? attempt : 1, carried };
      this.#telemetry.start({ name: "forward", system: "didcomm", ...about, ...since(ms) }).end({ error });
    }
  }

  #accepted({ id, type, thread = id, sender, recipients, text, message, remote, receivedAt }: RoutedMessage, error?: string): void {
    const { traceContext: context } = message;
    const carried = context && { context, source: sender };
    const about = { id, type, thread, from: sender, to: recipients, size: text.length, carried };
    const name = remote ? "accept-remote" : "accept";
    this.#telemetry.start({ name, system: "didcomm", ...about, ...since(performance.now() - receivedAt) }).end({ error });
  }

  #settled(message: InboxMessage, outcome: string, ms: number): void {
    const { plaintext, attempts } = message;
    const about = { ...aboutStored(message), size: plaintext.length, attempt: attempts + 1 };
    this.#telemetry.start({ name: "deliver", system: "didcomm", ...about, ...since(ms) }).end({ outcome });
  }

  #removed(message: InboxMessage, ms: number, error: unknown): void {
    const span = this.#telemetry.start({ name: "settle", system: "didcomm", ...aboutStored(message), ...since(ms) });
    span.end(error === undefined ? {} : { error: ParleyError.from(error).code });
  }
}

function aboutStored({
  id,
  type,
  thread = id,
  from,
  recipient,
  plaintext,
}: InboxMessage): Omit<TelemetryOperation, "name" | "system" | "isRoot"> {
  return { id, type, thread, from, to: [recipient], carried: carriedIn(plaintext, from ?? "") };
}

/** The start of an operation that has taken some time until now. */
function since(ms: number): Pick<TelemetryOperation, "isRoot" | "startedAt"> {
  return { isRoot: true, startedAt: Date.now() - ms };
}

/** The trace context in a stored plaintext. The node has checked its sender. */
function carriedIn(plaintext: string, source: string): CarriedContext | undefined {
  // Nearly all messages without one are recognized without parsing them.
  if (!plaintext.includes('"trace_context"')) return undefined;
  const context = readTraceContext((JSON.parse(plaintext) as Record<string, never>)["trace_context"]);
  return context && { context, source };
}

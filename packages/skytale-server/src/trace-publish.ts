import type { Telemetry } from "@parley/core";
import type { FannedOut } from "./relay/relay-observer.ts";

/** Messages that a relay has recorded together. */
interface RecordedMessages {
  readonly messages: number;
  readonly bytes: number;
  readonly channel: string;
  /** Milliseconds from their arrival until they were durable. */
  readonly ms: number;
}

/** Reports recorded messages as a trace of its own. The relay does not see the traces of its members, and nothing here leads to them. */
export function tracePublish(telemetry: Telemetry, { messages, bytes, channel, ms }: RecordedMessages): void {
  const startedAt = Date.now() - ms;
  telemetry.start({ name: "publish", system: "skytale", channel, count: messages, size: bytes, isRoot: true, startedAt }).end();
}

/** Reports that recorded messages were offered to the readers of their channel: a trace of its own too. */
export function traceFanOut(telemetry: Telemetry, { channel, sequence, messages, bytes, readers, ms }: FannedOut): void {
  const about = { channel, sequence, count: messages, size: bytes, readers, isRoot: true, startedAt: Date.now() - ms };
  telemetry.start({ name: "fan-out", system: "skytale", ...about }).end();
}

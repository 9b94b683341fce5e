import { Throttle } from "@parley/core/internal";
import type { Logger } from "pino";
import type { NodeRecorder } from "./admin/node-recorder.ts";
import type { Metrics } from "./http/metrics.ts";
import type { InboxMessage } from "./inbox/inbox.ts";
import type { NodeTelemetry } from "./node-telemetry.ts";
import type { PhoenixServerOptions } from "./phoenix/phoenix-server.ts";
import type { MessageSummary } from "./routing/respond/system-messages.ts";
import type { RouterEvents } from "./routing/router.ts";

/** The delivery attempt that is logged as a warning: the third redelivery. */
const NOTABLE_ATTEMPT = 4;
/** Shortest interval between log lines about rejected API keys, in milliseconds. */
const REJECTED_KEYS_MS = 1000;
/** Characters of an id or a type that the log shows. */
const MAX_LOGGED = 256;
/** Recipients of one message that the log shows. */
const MAX_RECIPIENTS = 16;

/** Listeners that a node may have. */
interface NodeListeners {
  readonly recorder?: NodeRecorder | undefined;
  readonly telemetry?: NodeTelemetry | undefined;
}

/** Counts the events of a node's components in its metrics, and logs them. */
export class NodeEvents {
  readonly #metrics: Metrics;
  readonly #logger: Logger;
  readonly #rejectedKeys = new Throttle(REJECTED_KEYS_MS);

  /** Records the events for the console; absent without one. */
  readonly recorder: NodeRecorder | undefined;
  /** Reports the events as spans; absent without `telemetry`. */
  readonly telemetry: NodeTelemetry | undefined;

  constructor(metrics: Metrics, logger: Logger, { recorder, telemetry }: NodeListeners = {}) {
    this.#metrics = metrics;
    this.#logger = logger;
    this.recorder = recorder;
    this.telemetry = telemetry;
    const events = logger.isLevelEnabled("debug") ? this.#withEachMessage(this.#router) : this.#router;
    const recorded = recorder === undefined ? events : recorder.observe(events);
    this.router = telemetry === undefined ? recorded : telemetry.observe(recorded);
  }

  /** An internal failure that concerns no caller. */
  readonly onFailure = (error: unknown): void => {
    this.#metrics.failures.inc();
    this.#logger.error({ err: error }, "internal failure");
    this.recorder?.failed();
  };

  readonly router: RouterEvents;

  readonly #router: RouterEvents = {
    onDelivered: (message, attempt) => {
      this.#metrics.delivered.inc();
      if (attempt > 1) this.#onRedelivered(message, attempt);
    },
    onReceipt: (state) => this.#metrics.receipts.inc({ state }),
    onDead: (cause, message) => {
      this.#metrics.dead.inc({ cause });
      this.#logger.debug({ ...shown(message), cause }, "message dead-lettered");
    },
    onDurable: (ms) => this.#metrics.durable.observe(ms / 1000),
    onSettled: ({ receivedAt }) => {
      if (receivedAt !== undefined) this.#metrics.settled.observe((performance.now() - receivedAt) / 1000);
    },
    onDropped: (message, reason) => this.#logger.debug({ ...shown(message), reason }, "system message dropped"),
    onFailure: this.onFailure,
  };

  readonly phoenix: PhoenixServerOptions["events"] = {
    onMalformed: (what) => {
      this.#metrics.malformedFrames.inc();
      this.recorder?.record({ kind: "malformed", reason: what });
      this.#logger.debug({ what }, "malformed frame");
    },
    onRejected: (status) => {
      this.#metrics.refusedConnections.inc({ status: String(status) });
      this.#logger.debug({ status }, "connection refused");
    },
    onFailure: this.onFailure,
  };

  /** The key itself is not logged. Unauthenticated clients cause these lines, so their rate is limited. */
  onRejectedKey(door: "socket" | "rest", address: string): void {
    this.recorder?.record({ kind: "key-refused", code: "unauthenticated", outcome: door, reason: `from ${address}` });
    this.#rejectedKeys.run((omitted) => this.#logger.info({ door, address, ...(omitted > 0 && { omitted }) }, "API key refused"));
  }

  /** Logs each message without its body. At other levels the events are absent, so that a message costs nothing. */
  #withEachMessage(events: RouterEvents): RouterEvents {
    return {
      ...events,
      onAccepted: ({ id, type, sender, recipients, text }) => {
        const to = recipients.slice(0, MAX_RECIPIENTS);
        const about = { id: id.slice(0, MAX_LOGGED), type: type.slice(0, MAX_LOGGED), from: sender, to, length: text.length };
        this.#logger.debug({ ...about, ...(recipients.length > to.length && { recipients: recipients.length }) }, "message accepted");
      },
      onDelivered: (message, attempt) => {
        events.onDelivered(message, attempt);
        // Later attempts are logged as redeliveries.
        if (attempt === 1) this.#logger.debug(shown(message), "message delivered");
      },
      onSettled: (message, settlement, ms) => {
        events.onSettled?.(message, settlement, ms);
        this.#logger.debug({ ...shown(message), settlement }, "message settled");
      },
    };
  }

  #onRedelivered(message: InboxMessage, attempt: number): void {
    this.#metrics.redelivered.inc();
    this.#logger.debug({ ...shown(message), attempt }, "message redelivered");
    if (attempt !== NOTABLE_ATTEMPT) return;
    this.#logger.warn({ ...shown(message), attempt }, "message redelivered for the third time: its agent does not acknowledge it");
  }
}

/** The fields of a message that are logged; never its body. Senders choose id and type, so both are truncated. */
function shown({ id, type, from, recipient }: MessageSummary): Record<string, unknown> {
  return { id: id.slice(0, MAX_LOGGED), type: type.slice(0, MAX_LOGGED), from, recipient };
}

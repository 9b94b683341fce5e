import type { TraceContext } from "./message.ts";

/** The activity of a program, as the first word of a span's name. */
export type TelemetryOperationName =
  /** An agent sends a message, from the call until it is accepted. */
  | "send"
  /** An agent waits for the response to a request, which it sends in a `send` of its own. */
  | "request"
  /** An agent handles a message, from its delivery until it is settled. */
  | "process"
  /** An agent took a message with a call, such as `receive` of a channel manager. */
  | "receive"
  /** A node has accepted a message of a connected agent: from its arrival until it is durable, or refused. */
  | "accept"
  /** The same for a message that another node has posted. */
  | "accept-remote"
  /** A node has delivered a message: from the delivery until the agent has settled it. */
  | "deliver"
  /** A node has removed a message that its agent has settled: from the acknowledgement until that is durable. */
  | "settle"
  /** A node posts a message to another one. */
  | "forward"
  /** A relay has recorded messages: from their arrival until they are durable. */
  | "publish"
  /** A relay has offered recorded messages to the readers of their channel. */
  | "fan-out"
  /** A member changes an encrypted group. */
  | "commit"
  /** An agent joins a channel. */
  | "join"
  /** A bridge forwards a message, translated. */
  | "translate";

/** A trace context that arrived with a message. */
export interface CarriedContext {
  readonly context: TraceContext;
  /** The sender, as far as it is proven: a DID, or the name of the channel that it came from. */
  readonly source: string;
}

/** Describes a span that begins. Without content of messages, keys and tokens. */
export interface TelemetryOperation {
  readonly name: TelemetryOperationName;
  readonly system: "didcomm" | "skytale";
  /** What the name of the span ends with: a handled message type or a channel. Few different values. */
  readonly destination?: string | undefined;
  /** A channel, for operations whose name does not have it. */
  readonly channel?: string | undefined;
  /** DIDComm message type. Peers choose it. */
  readonly type?: string | undefined;
  readonly id?: string | undefined;
  readonly thread?: string | undefined;
  /** DID or identity of the sender. */
  readonly from?: string | undefined;
  /** DIDs of the recipients. */
  readonly to?: readonly string[] | undefined;
  /** Host of another node. */
  readonly host?: string | undefined;
  /** Number of messages, if not 1. */
  readonly count?: number | undefined;
  /** Bytes or characters. */
  readonly size?: number | undefined;
  /** Which delivery or attempt it is, from 1. */
  readonly attempt?: number | undefined;
  /** Position in a channel's log. */
  readonly sequence?: number | undefined;
  /** Number of readers. */
  readonly readers?: number | undefined;
  /** The context that arrived with the message. It is the sender's word: an implementation continues its trace only if told to trust it. */
  readonly carried?: CarriedContext | undefined;
  /**
   * `true` begins a trace of its own, unless `carried` is trusted. `false` continues the trace that the calling code is in: for operations that a
   * program has called for.
   */
  readonly isRoot: boolean;
  /** When it began, in milliseconds since 1970. Default: now. */
  readonly startedAt?: number | undefined;
}

/** How an operation ended. */
export interface TelemetryEnd {
  /** Code of the error or problem, or of the refusal. Absent if it succeeded. */
  readonly error?: string | undefined;
  /** How a message was settled. */
  readonly outcome?: string | undefined;
  /** Number of attempts that it took, if it was more than one. */
  readonly attempts?: number | undefined;
}

/** An operation that has begun. */
export interface TelemetrySpan {
  /** For the messages that the operation sends. Absent if the operation is not recorded anywhere. */
  readonly traceContext: TraceContext | undefined;
  /** Runs a part of the operation: what begins in it, also later, is a part of this span. */
  run<T>(work: () => T): T;
  /** Called once. */
  end(end?: TelemetryEnd): void;
}

/**
 * Receives what agents, servers and bridges do, as spans of traces. Absent by default: nothing is measured or sent then. `@parley/otel` implements it
 * with OpenTelemetry. No method may throw.
 */
export interface Telemetry {
  start(operation: TelemetryOperation): TelemetrySpan;
}

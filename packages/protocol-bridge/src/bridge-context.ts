import type { BridgeTool } from "./bridge-tool.ts";
import type { BridgeCounters } from "./bridge-counters.ts";
import type { BridgeError } from "./bridge-error.ts";
import type { Route } from "./route.ts";
import type { OutboundEnvelope } from "./runtime/action.ts";
import type { Consumer } from "./runtime/consumer.ts";
import type { RetryingSender } from "./runtime/retrying-sender.ts";

/** The parts of one running bridge that its {@link Direction} uses. */
export interface BridgeContext {
  readonly route: Route;
  readonly toSource: RetryingSender;
  readonly toTarget: RetryingSender;
  /** Fires when the bridge ends. */
  readonly signal: AbortSignal;
  count(name: keyof BridgeCounters): void;
  report(error: BridgeError): void;
  /** Sends a message that no envelope has caused, such as an error after a timeout. Resolves when it is accepted or rejected. */
  send(outbound: OutboundEnvelope): Promise<void>;
}

/** The logic of a bridge for one pair of protocols. */
export interface Direction {
  readonly consumers: readonly Consumer[];
  /** Tools of the MCP server that it calls; empty until the server has listed them. */
  readonly tools?: readonly BridgeTool[];
  /** Called once all consumers are subscribed. */
  start?(): void;
  /** Called when the bridge ends. */
  stop?(): void;
}

/** Creates the {@link Direction} of one bridge. */
export type DirectionFactory = (context: BridgeContext) => Direction;

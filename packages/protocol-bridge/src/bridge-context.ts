import type { BridgeCounters } from "./bridge-counters.ts";
import type { BridgeError } from "./bridge-error.ts";
import type { Outlet } from "./runtime/retrying-sender.ts";
import type { Dispatch, Flow } from "./runtime/pump.ts";
import type { Route } from "./route.ts";

/** What the flows of one bridge share. */
export interface Site {
  readonly route: Route;
  readonly toSource: Outlet;
  readonly toTarget: Outlet;
  /** Fires when the bridge ends. */
  readonly signal: AbortSignal;
  count(what: keyof BridgeCounters): void;
  report(error: BridgeError): void;
  /** Sends what no envelope has led to, such as an error after a timeout. Resolves when it was taken, refused, or the bridge is over. */
  post(dispatch: Dispatch): Promise<void>;
}

/** The flows of a bridge between two protocols. */
export interface Flows {
  readonly flows: readonly Flow[];
  /** Called once all flows are subscribed. */
  start?(): void;
  /** Called when the bridge ends. */
  stop?(): void;
}

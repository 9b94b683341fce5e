import type { DirectionFactory } from "./bridge-context.ts";
import type { BridgeSettings } from "./bridge-options.ts";
import { Route, type BridgeEnd } from "./route.ts";
import { runBridge, type RunningBridge } from "./running-bridge.ts";

export { findDirection } from "./find-direction.ts";

/** Starts a bridge from one end to another, for `ProtocolBridge`, which loads this module with its first bridge. */
export function startBridge({
  from,
  to,
  settings,
  direction,
}: {
  readonly from: BridgeEnd;
  readonly to: BridgeEnd;
  readonly settings: BridgeSettings;
  readonly direction: DirectionFactory;
}): RunningBridge {
  return runBridge(new Route(from, to, settings), direction);
}

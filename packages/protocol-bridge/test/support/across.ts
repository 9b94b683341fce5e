import { Envelope, Protocol, type ReceivedEnvelope } from "@parley/envelope-and-adapters";
import { createMemoryPorts } from "@parley/envelope-and-adapters/memory";
import { Outlet } from "../../src/runtime/retrying-sender.ts";
import { readOptions, type BridgeOptions } from "../../src/bridge-options.ts";
import { flowsBetween } from "../../src/find-direction.ts";
import type { Flow } from "../../src/runtime/pump.ts";
import { Route } from "../../src/route.ts";
import type { Site } from "../../src/bridge-context.ts";

/** What a bridge makes of one envelope. Each call is a bridge between channels of its own. */
export function across(
  source: Protocol,
  target: Protocol,
  options: BridgeOptions = {},
): (received: ReceivedEnvelope) => Envelope | undefined {
  const [flow] = flowsOf(source, target, options);
  return (received) => flow?.handle(received).dispatches[0]?.envelope;
}

/** What a bridge does about envelopes of either side. */
export function flowsOf(source: Protocol, target: Protocol, options: BridgeOptions = {}): readonly Flow[] {
  const name = crypto.randomUUID();
  const [port] = createMemoryPorts(["bridge", "other"]);
  const ends = [`org/${name}/in`, `org/${name}/out`] as const;
  const route = new Route({ name: ends[0], port, protocol: source }, { name: ends[1], port, protocol: target }, readOptions(options));
  const { signal } = new AbortController();
  const outlet = new Outlet(port, { window: 1, stop: signal, onWaiting: () => undefined, onRetry: () => undefined });
  const site: Site = {
    route,
    toSource: outlet,
    toTarget: outlet,
    signal,
    count: () => undefined,
    report: () => undefined,
    post: async () => undefined,
  };
  return flowsBetween(source, target)(site).flows;
}

/** There and back again, over bridges that know nothing of one another. */
export function thereAndBack(home: Protocol, away: Protocol): (envelope: Envelope) => { away: Envelope; home: Envelope } {
  const [there, back] = [across(home, away), across(away, home)];
  return (envelope) => {
    const gone = there({ envelope: crossed(envelope), sender: "alice", id: "1" });
    if (gone === undefined) throw new Error("It was not forwarded");
    const returned = back({ envelope: crossed(gone), sender: "bridge", id: "2" });
    if (returned === undefined) throw new Error("It did not come back");
    return { away: gone, home: crossed(returned) };
  };
}

/** As a channel hands it over: as bytes. */
export function crossed(envelope: Envelope): Envelope {
  return Envelope.deserialize(envelope.serialize());
}

/** The metadata without what bridges say. */
export function unbridged({ metadata }: Envelope): object {
  const { bridge: _bridge, ...rest } = metadata ?? {};
  return rest;
}

export function lostOf({ metadata }: Envelope): readonly string[] {
  const bridge = metadata?.["bridge"] as { lost?: readonly string[] } | undefined;
  return bridge?.lost ?? [];
}

import { Envelope, Protocol, type ReceivedEnvelope } from "@parley/envelope-and-adapters";
import { createMemoryPorts } from "@parley/envelope-and-adapters/memory";
import { RetryingSender } from "../../src/runtime/retrying-sender.ts";
import { readBridgeOptions, type BridgeOptions } from "../../src/bridge-options.ts";
import { findDirection } from "../../src/find-direction.ts";
import type { Consumer } from "../../src/runtime/consumer.ts";
import { Route } from "../../src/route.ts";
import type { BridgeContext } from "../../src/bridge-context.ts";

/** Translates envelopes with a new bridge. Returns what it sends first. */
export function across(
  source: Protocol,
  target: Protocol,
  options: BridgeOptions = {},
): (received: ReceivedEnvelope) => Envelope | undefined {
  const [consumer] = consumersOf(source, target, options);
  return (received) => consumer?.handle(received).sends[0]?.envelope;
}

/** The consumers of a new bridge. */
export function consumersOf(source: Protocol, target: Protocol, options: BridgeOptions = {}): readonly Consumer[] {
  const name = crypto.randomUUID();
  const [port] = createMemoryPorts(["bridge", "other"]);
  const ends = [`org/${name}/in`, `org/${name}/out`] as const;
  const route = new Route({ name: ends[0], port, protocol: source }, { name: ends[1], port, protocol: target }, readBridgeOptions(options));
  const { signal } = new AbortController();
  const via = new RetryingSender(port, { window: 1, stop: signal, onWaiting: () => undefined, onRetry: () => undefined });
  const context: BridgeContext = {
    route,
    toSource: via,
    toTarget: via,
    signal,
    count: () => undefined,
    report: () => undefined,
    send: async () => undefined,
  };
  return findDirection(source, target)(context).consumers;
}

/** Translates envelopes to a protocol and back, with two independent bridges. */
export function roundTrip(home: Protocol, away: Protocol): (envelope: Envelope) => { away: Envelope; home: Envelope } {
  const [there, back] = [across(home, away), across(away, home)];
  return (envelope) => {
    const translated = there({ envelope: reserialized(envelope), sender: "alice", id: "1" });
    if (translated === undefined) throw new Error("The envelope was not forwarded");
    const returned = back({ envelope: reserialized(translated), sender: "bridge", id: "2" });
    if (returned === undefined) throw new Error("The translation was not forwarded back");
    return { away: translated, home: reserialized(returned) };
  };
}

/** Serializes and deserializes an envelope, as a channel does. */
export function reserialized(envelope: Envelope): Envelope {
  return Envelope.deserialize(envelope.serialize());
}

/** The metadata without the trace. */
export function withoutTrace({ metadata }: Envelope): object {
  const { bridge: _bridge, ...rest } = metadata ?? {};
  return rest;
}

export function lostOf({ metadata }: Envelope): readonly string[] {
  const bridge = metadata?.["bridge"] as { lost?: readonly string[] } | undefined;
  return bridge?.lost ?? [];
}

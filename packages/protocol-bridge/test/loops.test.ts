import { Protocol } from "@parley/envelope-and-adapters";
import { createMemoryChannels, type MemoryChannels } from "@parley/envelope-and-adapters/memory";
import { describe, expect, it } from "vitest";
import { ProtocolBridge, type RunningBridge } from "../src/index.ts";
import { nextPath, placeOf } from "../src/trace/next-path.ts";
import { a2aText, slim, text } from "./support/messages.ts";
import { eventually, take } from "./support/world.ts";

const { A2A, SLIM, DIDCOMM } = Protocol;

/** One agent for each bridge, so that each receives the messages that the others forward. */
async function agents(channels: readonly string[], count: number): Promise<{ alice: MemoryChannels; managers: readonly MemoryChannels[] }> {
  const names = Array.from({ length: count }, (_, index) => `bridge${index}`);
  const [alice, ...managers] = createMemoryChannels(["alice", ...names], { keepUnread: true });
  if (alice === undefined) throw new Error("No agents");
  for (const name of channels) {
    await alice.create(name);
    for (const manager of managers) await manager.join(name, new Uint8Array());
  }
  return { alice, managers };
}

describe("bridges in a loop", () => {
  it("forward a message once around, with two bridges of different agents", async () => {
    const { alice, managers } = await agents(["org/n/one", "org/n/two"], 2);
    const bridges = managers.map((manager) => new ProtocolBridge(manager));
    const running = [
      await bridges[0]?.bridge("org/n/one", "org/n/two", A2A, SLIM),
      await bridges[1]?.bridge("org/n/two", "org/n/one", SLIM, A2A),
    ] as RunningBridge[];
    const port = await alice.open("org/n/one");
    for (let index = 0; index < 50; index++) await port.send(a2aText(`${index}`));
    await eventually(() => expect(running[1]?.counters).toMatchObject({ received: 50, looped: 50, forwarded: 0 }));
    expect(running[0]?.counters).toMatchObject({ received: 50, forwarded: 50, looped: 0 });
    await Promise.all(bridges.map((bridge) => bridge.stop()));
  });

  it("forward a message once around in both directions, with three protocols and six agents", async () => {
    const names = ["org/n/one", "org/n/two", "org/n/three"] as const;
    const protocols = [A2A, SLIM, DIDCOMM];
    const { alice, managers } = await agents(names, 6);
    const bridges = managers.map((manager) => new ProtocolBridge(manager));
    const running: RunningBridge[] = [];
    for (const [index, bridge] of bridges.entries()) {
      const [from, to] = index < 3 ? [index, (index + 1) % 3] : [(index + 1) % 3, index % 3];
      running.push(await bridge.bridge(names[from] ?? "", names[to] ?? "", protocols[from] ?? "", protocols[to] ?? ""));
    }
    const inbound = (await alice.open("org/n/three")).receive();
    await (await alice.open("org/n/one")).send(a2aText("round"));
    // Once in each direction: one → three, and one → two → three.
    await take(inbound, 2);
    const total = (name: "forwarded" | "looped"): number => running.reduce((sum, { counters }) => sum + counters[name], 0);
    await eventually(() => expect([total("forwarded"), total("looped")]).toEqual([4, 6]));
    await Promise.all(bridges.map((bridge) => bridge.stop()));
  });

  it("forward a message once within one channel that two bridges translate in opposite directions", async () => {
    const { alice, managers } = await agents(["org/n/all"], 2);
    const bridges = managers.map((manager) => new ProtocolBridge(manager));
    const there = await bridges[0]?.bridge("org/n/all", "org/n/all", A2A, SLIM);
    const back = await bridges[1]?.bridge("org/n/all", "org/n/all", SLIM, A2A);
    const inbound = (await alice.open("org/n/all")).receive();
    await (await alice.open("org/n/all")).send(a2aText("echo"));
    const [received] = await take(inbound, 1);
    expect(received && text(received.envelope)).toBe("echo");
    await eventually(() => expect(back?.counters.looped).toBe(1));
    expect(there?.counters).toMatchObject({ received: 1, forwarded: 1 });
    await Promise.all(bridges.map((bridge) => bridge.stop()));
  });

  it("forward a message across maxHops bridges at most", async () => {
    const names = Array.from({ length: 6 }, (_, index) => `org/n/${index}`);
    const { alice, managers } = await agents(names, 5);
    const errors: string[] = [];
    const running: RunningBridge[] = [];
    for (const [index, manager] of managers.entries()) {
      const bridge = new ProtocolBridge(manager, { maxHops: 4, onError: ({ code }) => errors.push(code) });
      const [from, to] = index % 2 === 0 ? [A2A, SLIM] : [SLIM, A2A];
      running.push(await bridge.bridge(names[index] ?? "", names[index + 1] ?? "", from, to));
    }
    await (await alice.open("org/n/0")).send(a2aText("far"));
    await eventually(() => expect(running.map(({ counters }) => counters.forwarded)).toEqual([1, 1, 1, 1, 0]));
    await eventually(() => expect(errors).toEqual(["too_many_hops"]));
    await Promise.all(running.map((each) => each.stop()));
  });

  it("limit the size of the trace to maxHops entries", async () => {
    const { alice, managers } = await agents(["org/n/one", "org/n/two"], 1);
    const [manager] = managers;
    if (manager === undefined) throw new Error("No agents");
    const errors: string[] = [];
    await using bridge = new ProtocolBridge(manager, { onError: ({ code }) => errors.push(code) });
    await bridge.bridge("org/n/one", "org/n/two", SLIM, A2A);
    const [port, inbound] = [await alice.open("org/n/one"), (await alice.open("org/n/two")).receive()];
    const place = placeOf("x", "y");
    const origin = { protocol: "p".repeat(500), sender: "s".repeat(500), more: "m".repeat(2000) };
    const many = <T>(count: number, item: T): T[] => Array.from({ length: count }, () => item);
    await port.send(slim("1", "text/plain", { bridge: { path: many(33, place) } }));
    await port.send(slim("2", "text/plain", { bridge: { path: ["not a place"] } }));
    await port.send(slim("3", "text/plain", { bridge: [] }));
    await port.send(
      slim("4", "text/plain", { bridge: { path: [], claims: many(10, origin), lost: many(100, "l"), origin, kept: "no", more: 1 } }),
    );
    const [received] = await take(inbound, 1);
    const trace = received?.envelope.metadata?.["bridge"];
    expect(Object.keys(trace as object).toSorted()).toEqual(["claims", "kept", "origin", "path"]);
    expect(JSON.stringify(trace).length).toBeLessThan(12_000);
    expect(errors).toEqual(["trace_invalid", "trace_invalid", "trace_invalid"]);
  });
});

describe("nextPath", () => {
  it("hides the names of channels", () => {
    expect(placeOf("org/secret/plans", A2A)).toMatch(/^[\w-]{22}$/);
    expect(placeOf("org/secret/plans", A2A)).not.toBe(placeOf("org/secret/plans", SLIM));
  });

  it("detects loops and rejects too many hops", () => {
    expect(nextPath([], "a", "b", 8)).toEqual(["a"]);
    expect(nextPath(["a"], "b", "a", 8)).toBeUndefined();
    expect(nextPath([], "a", "a", 8)).toBeUndefined();
    expect(() => nextPath(["a", "b"], "c", "d", 2)).toThrow(/crossed 2/);
  });
});

import { bundleProgram, describeUnless, gateOrSoak, randomFrom, SEED } from "@parley/test-assertions";
import { Machines, missingMachines, missingNats } from "@parley/test-nats";
import { expect, it, onTestFinished } from "vitest";
import { Cluster, Orders } from "../src/index.ts";
import { type Fault, FAULTS, type FaultContext } from "./faults.ts";
import { RelayLoad } from "./relay-load.ts";

const IS_SOAK = gateOrSoak(0, 1) === 1;
const CHANNELS = ["acme/team/a", "acme/team/b"];
const WRITERS = 6;
const PAIRS = 4;
/** Messages to acknowledge before, during and after each fault: on the relays, and on the nodes. */
const BETWEEN = gateOrSoak(30, 300);
const TIMEOUT_MS = gateOrSoak(600_000, 3_600_000);

const random = randomFrom(SEED);
const noMachines = IS_SOAK ? missingMachines() : undefined;
const OFTEN: Partial<Record<Fault, number>> = { "kill a NATS leader of the relays": 2, "kill a NATS leader of the nodes": 2 };

/** All faults in a random order, or those that cost little. */
function chooseFaults(): readonly Fault[] {
  if (!IS_SOAK) return ["kill a NATS leader of the relays", "kill a relay", "kill a node"];
  const all = Object.keys(FAULTS) as Fault[];
  const possible = noMachines === undefined ? all : all.filter((fault) => !fault.startsWith("separate"));
  return possible
    .flatMap((fault) => Array.from({ length: OFTEN[fault] ?? 1 }, () => ({ fault, order: random(2 ** 31) })))
    .toSorted((left, right) => left.order - right.order)
    .map(({ fault }) => fault);
}

const faults = chooseFaults();

describeUnless(missingNats(3), "nodes and relays on three NATS servers", () => {
  it(`lose, repeat and move no acknowledged message: ${faults.join(", ")} (seed ${SEED})`, { timeout: TIMEOUT_MS }, async () => {
    if (noMachines !== undefined) report(`NO MACHINE IS SEPARATED FROM THE OTHERS: ${noMachines}`);
    const machines = IS_SOAK && noMachines === undefined ? Machines.open(3) : undefined;
    onTestFinished(() => machines?.[Symbol.dispose]());
    const cluster = await Cluster.start({ nodes: 2, relays: 2, prepare: bundleProgram, ...(machines && { machines: machines.list }) });
    onTestFinished(() => cluster[Symbol.asyncDispose]());
    const errors = new Map<string, number>();
    const onError = ({ kind, cause }: { readonly kind: string; readonly cause: unknown }): void => {
      const text = `${kind}: ${String(cause)}`;
      errors.set(text, (errors.get(text) ?? 0) + 1);
    };
    const orders = await Orders.start({ nodeUrl: cluster.nodeUrl, apiKey: cluster.nodeKey, pairs: PAIRS, onError });
    onTestFinished(() => orders[Symbol.asyncDispose]());
    const relayLoad = await RelayLoad.start({
      apiUrl: cluster.apiUrl,
      apiKey: cluster.relayKey,
      relayUrl: cluster.relayUrl,
      channels: CHANNELS,
      writers: WRITERS,
    });
    onTestFinished(() => relayLoad[Symbol.asyncDispose]());
    const ledgers = [relayLoad.ledger, orders.ledger] as const;
    const more = async (): Promise<void> => {
      const goals = ledgers.map((ledger) => ledger.acknowledged + BETWEEN);
      const reached = (): boolean => ledgers.every((ledger, index) => ledger.acknowledged >= (goals[index] ?? 0));
      await expect.poll(reached, { timeout: TIMEOUT_MS }).toBe(true);
    };
    const context: FaultContext = { cluster, random, more, machines };
    await more();
    for (const fault of faults) {
      for (const ledger of ledgers) ledger.takeLongestWaitMs();
      await FAULTS[fault](context);
      await more();
      const [onRelays, onNodes] = ledgers.map((ledger) => ledger.takeLongestWaitMs());
      report(`${fault}: longest wait for an acknowledgement ${onRelays} ms on the relays, ${onNodes} ms on the nodes`);
    }
    await Promise.all([relayLoad.stop(), orders.stop()]);
    await expect.poll(() => orders.ledger.lost, { timeout: TIMEOUT_MS }).toEqual([]);
    const places = await relayLoad.check();
    for (const [error, count] of errors) report(`${count} × ${error}`);
    const [relays, nodes] = ledgers.map(({ acknowledged, lost, twice, unknown }) => ({ acknowledged, lost, twice, unknown }));
    expect(relays).toMatchObject({ lost: [], twice: [], unknown: [] });
    expect(nodes).toMatchObject({ lost: [], twice: [], unknown: [] });
    expect(places).toEqual({ moved: 0, different: 0 });
    report(`${relays?.acknowledged} messages acknowledged by relays and ${nodes?.acknowledged} by nodes: none lost, repeated or moved`);
  });
});

function report(line: string): void {
  process.stdout.write(`${line}\n`);
}

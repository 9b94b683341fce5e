import { Changes, randomFrom, SEED } from "@parley/test-assertions";
import type { NodeProcess } from "./node-process.ts";
import { ECHO } from "./pair.ts";
import type { SteadyAgent } from "./steady-agent.ts";

/** Messages between two faults, at most: each hits another state. */
export const STEP = 40;

/** The progress of a load, by which faults are timed. */
export interface LoadProgress {
  /** Resolves when this many further messages are acknowledged. */
  after(messages: number): Promise<void>;
}

/**
 * Has agents send messages, one after the other and each until it is acknowledged, until the faults are over.
 *
 * @returns the acknowledged ids of each route, in order.
 */
export async function loadDuring(
  routes: readonly (readonly [from: SteadyAgent, to: SteadyAgent])[],
  faults: (progress: LoadProgress) => Promise<unknown>,
): Promise<string[][]> {
  const changes = new Changes();
  const stop = new AbortController();
  let acknowledged = 0;
  const send = async ([from, to]: readonly [SteadyAgent, SteadyAgent], route: number): Promise<string[]> => {
    const ids: string[] = [];
    while (!stop.signal.aborted) {
      const id = `${route}-${ids.length}`;
      await from.send({ id, type: `${ECHO}/note`, from: from.did, to: [to.did], body: { text: "x".repeat(200) } });
      ids.push(id);
      acknowledged += 1;
      changes.notify();
    }
    return ids;
  };
  const after = async (messages: number): Promise<void> => {
    const goal = acknowledged + messages;
    await changes.until(() => acknowledged >= goal);
  };
  try {
    const sending = Promise.all(routes.map(send));
    const over = faults({ after }).finally(() => stop.abort());
    const [ids] = await Promise.all([sending, over]);
    return ids;
  } finally {
    stop.abort();
  }
}

/** Kills one of two nodes and starts it again, a number of times, each after some further messages. */
export async function killNodes([one, other]: readonly [NodeProcess, NodeProcess], kills: number, { after }: LoadProgress): Promise<void> {
  const random = randomFrom(SEED);
  for (let kill = 0; kill < kills; kill++) {
    await after(1 + random(STEP));
    const node = random(2) === 0 ? one : other;
    await node.kill();
    await node.start();
  }
}

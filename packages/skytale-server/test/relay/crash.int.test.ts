import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { EpochTakenError, RelayClient, type RelayMessage } from "@parley/skytale-relay";
import { bundleProgram, Changes, gateOrSoak, randomFrom, SEED, temporaryDirectory } from "@parley/test-assertions";
import { expect, it } from "vitest";
import { message, payload, text } from "./relay-harness.ts";

const PROCESS = await bundleProgram(fileURLToPath(new URL("fixtures/relay-process.mjs", import.meta.url)));
const ROUNDS = gateOrSoak(10, 200);
/** Acknowledged messages before a kill, at most: each kill hits another state. */
const STEP = 400;
const PUBLISHERS = 3;
const CHANNELS = ["acme/team/a", "acme/team/b"];

async function start(directory: string, port: number): Promise<{ readonly child: ChildProcess; readonly port: number }> {
  const child = spawn(process.execPath, [PROCESS, directory, String(port)], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  return { child, port: Number(String(line)) };
}

async function kill(child: ChildProcess): Promise<void> {
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
}

it(
  `a relay that is killed under load loses nothing it acknowledged, and records nothing twice (seed ${SEED})`,
  { timeout: gateOrSoak(180_000, 3_600_000) },
  async () => {
    const random = randomFrom(SEED);
    const directory = await temporaryDirectory();
    let { child, port } = await start(directory.path, 0);
    const clientOf = (account: string): RelayClient =>
      new RelayClient({ url: `http://127.0.0.1:${port}`, token: () => account, limits: { initialBackoffMs: 5, maxBackoffMs: 50 } });
    const publishers = Array.from({ length: PUBLISHERS }, (_, index) => clientOf(`publisher-${index}`));
    const reader = clientOf("reader");
    try {
      const received = new Map<string, RelayMessage[]>(CHANNELS.map((channel) => [channel, []]));
      const reading = CHANNELS.map(async (channel) => {
        for await (const one of reader.subscribe(channel, { from: 1 })) received.get(channel)?.push(one);
      });
      const acked = new Map<string, Map<number, string>>(CHANNELS.map((channel) => [channel, new Map()]));
      const ackedCount = (): number => Array.from(acked.values(), ({ size }) => size).reduce((sum, size) => sum + size, 0);
      const progress = new Changes();
      const load = { stopped: false };
      const publishing = publishers.flatMap((publisher, which) =>
        CHANNELS.flatMap((channel) =>
          Array.from({ length: 8 }, async (_, lane) => {
            for (let number = 0; !load.stopped; number++) {
              const content = `${which} ${lane} ${number}`;
              const { sequence } = await publisher.publish(channel, message(content));
              acked.get(channel)?.set(sequence, content);
              progress.notify();
            }
          }),
        ),
      );
      // All try to commit each epoch, which has one winner, whatever happens. They keep step: the relay remembers no epoch for ever.
      const wins: number[] = [];
      const commit = (publisher: RelayClient, which: number, epoch: bigint): Promise<boolean> =>
        publisher.publish("acme/team/commits", { kind: "commit", epoch, payload: payload(`commit of ${which}`) }).then(
          () => true,
          (error: unknown) => {
            if (error instanceof EpochTakenError) return false;
            throw error;
          },
        );
      const committing = (async () => {
        for (let epoch = 0n; !load.stopped; epoch++) {
          const won = await Promise.all(publishers.map((publisher, which) => commit(publisher, which, epoch)));
          wins.push(won.filter(Boolean).length);
        }
      })();

      for (let round = 0; round < ROUNDS; round++) {
        const goal = ackedCount() + 1 + random(STEP);
        await Promise.race([progress.until(() => ackedCount() >= goal), ...publishing, committing]);
        await kill(child);
        ({ child } = await start(directory.path, port));
      }
      load.stopped = true;
      await Promise.all([...publishing, committing]);
      await reader.connect();

      for (const channel of CHANNELS) {
        const [head] = await reader.heads([channel]);
        const count = (head?.next ?? 1) - 1;
        const messages = received.get(channel) ?? [];
        while (messages.length < count) await new Promise((resolve) => setImmediate(resolve));
        expect(messages.map(({ sequence }) => sequence)).toEqual(Array.from({ length: count }, (_, index) => index + 1));
        const contents = messages.map((one) => text(one.payload));
        expect(new Set(contents).size, "duplicates").toBe(count);
        expect([...(acked.get(channel) ?? [])].filter(([sequence, content]) => contents[sequence - 1] !== content)).toEqual([]);
        // Everything was acknowledged in the end.
        expect(acked.get(channel)?.size).toBe(count);
        expect(count).toBeGreaterThan(ROUNDS);
      }
      expect(wins.filter((times) => times !== 1)).toEqual([]);
      const { messages: commits } = await reader.fetchRange("acme/team/commits", { from: 1 });
      const epochs = commits.map((commit) => commit.epoch);
      expect(new Set(epochs).size).toBe(epochs.length);
      await reader.close();
      await Promise.all(reading);
    } finally {
      await Promise.all([...publishers, reader].map((client) => client.close()));
      await kill(child);
      await directory.remove();
    }
  },
);

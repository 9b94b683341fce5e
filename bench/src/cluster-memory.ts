import { missingNats } from "@parley/test-nats";
import { measure, ROUNDS } from "./harness.ts";
import type { NatsMemory } from "./nats-memory-role.ts";
import { Worker } from "./worker.ts";

/** Memory of a NATS server for each DID with messages and each that is connected: 100,000 subjects of a stream, 100,000 subscriptions. */
export async function clusterMemory(): Promise<void> {
  const missing = missingNats(1);
  if (missing !== undefined) return console.log(`\nNot measured: ${missing}`);
  const rounds: NatsMemory[] = [];
  while (rounds.length < ROUNDS) rounds.push(await measureRound());
  const variantOf = (name: string, key: keyof NatsMemory) => {
    const values = rounds.map((round) => round[key] / 1024);
    return { name, run: () => Promise.resolve(values.shift() ?? 0) };
  };
  await measure({
    title: "Memory for each of 100,000",
    unit: "KiB",
    variants: [
      variantOf("subject with a message of 200 bytes, server", "subject"),
      variantOf("subscription, server", "subscription"),
      variantOf("subscription, client", "subscriptionOfClient"),
    ],
  });
}

async function measureRound(): Promise<NatsMemory> {
  const worker = new Worker("nats-memory-role", {});
  try {
    await worker.ready;
    return await worker.ask<NatsMemory>({});
  } finally {
    await worker.stop();
  }
}

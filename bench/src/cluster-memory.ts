import { missingNats } from "@parley/test-nats";
import { measure, ROUNDS } from "./harness.ts";
import type { NatsMemory } from "./nats-memory-role.ts";
import { Worker } from "./worker.ts";

/** Memory of a NATS server and a node for each DID with messages, and for each that is connected. */
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
    title: "Memory for each of 100,000 subjects and subscriptions, and of 20,000 DIDs",
    unit: "KiB",
    variants: [
      variantOf("subject with a message of 200 bytes, server", "subject"),
      variantOf("subscription, server", "subscription"),
      variantOf("subscription, node", "subscriptionOfClient"),
      variantOf("DID without keys, node", "didOfNode"),
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

// Sends numbered messages, with ids of its own, and writes down the numbers that the node accepted. Tries again with the same id.
import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { NotConnectedError, ParleyError } from "../../dist/index.js";
import { connect, makeClient, note, role } from "./agent.mjs";

const BATCH = 12;
const accepted = new Set(readFileSync(role.log, "utf8").split("\n").filter(Boolean).map(Number));
const client = makeClient(role.nodeUrl);

/** @param {number} number */
async function send(number) {
  try {
    await client.send({
      id: `${role.did}-${number}`,
      type: "https://layr8.io/protocols/chaos/1.0/number",
      to: role.recipients[number % role.recipients.length],
      body: { sender: role.did, number },
    });
  } catch (error) {
    if (error instanceof NotConnectedError || (error instanceof ParleyError && error.code === "push_timeout")) return;
    throw error;
  }
  accepted.add(number);
  note(number);
}

await connect(client);
for (let first = 0; ; first += BATCH) {
  const numbers = Array.from({ length: BATCH }, (_, index) => first + index);
  for (;;) {
    const left = numbers.filter((number) => !accepted.has(number));
    if (left.length === 0) break;
    await Promise.all(left.map(send));
    await delay(10);
  }
}

// What the roles share: a client of the built package that comes back fast, and a log that survives the process.
import { openSync, writeSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { inspect } from "node:util";
import { Client, ConnectionError, PhoenixTransport } from "../../dist/index.js";

/**
 * What the test told this role.
 *
 * @type {{ nodeUrl: string; apiKey: string; did: string; log: string; life: number; durable?: boolean; legacy?: boolean; recipients: string[] }}
 */
export const role = JSON.parse(process.argv[2] ?? "{}");

export const log = openSync(role.log, "a");

/** @param {string | number} line */
export function note(line) {
  writeSync(log, `${line}\n`);
}

/**
 * What is on stderr fails the test.
 *
 * @param {unknown} error
 */
function complain(error) {
  process.stderr.write(`${inspect(error)}\n`);
}

/**
 * A client that reports errors without a caller.
 *
 * @param {string} nodeUrl
 */
export function makeClient(nodeUrl) {
  const transport = new PhoenixTransport({ nodeUrl, apiKey: role.apiKey, backoff: { initialMs: 30, maxMs: 150 } });
  const client = new Client({ transport, agentDid: role.did }, (error) => complain(error));
  client.onDisconnect((reason) => {
    if (reason.retryable) return;
    complain(reason);
    process.exit(3);
  });
  return client;
}

/**
 * Connects, retrying while the node is killed and restarted.
 *
 * @param {Client} client
 */
export async function connect(client) {
  for (;;) {
    try {
      await client.connect();
      return;
    } catch (error) {
      if (!(error instanceof ConnectionError && error.retryable)) throw error;
      await delay(30);
    }
  }
}

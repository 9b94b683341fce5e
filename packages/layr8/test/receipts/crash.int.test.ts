import { freePort, gateOrSoak, randomFrom, SEED, temporaryDirectory } from "@parley/test-assertions";
import { expect, it, vi } from "vitest";
import { Client, logErrors, ParleyError, type Receipt } from "../../src/index.ts";
import { API_KEY, NODE_COMMAND, Victim } from "../chaos/processes.ts";
import { ALICE, FAR, order, ORDERS } from "./places.ts";

const MESSAGES = gateOrSoak(60, 3000);
const KILLS = gateOrSoak(4, 100);
/** Messages between two kills, at most. */
const STEP = Math.floor(MESSAGES / (KILLS + 1));
/** Reasons for which a receipt that was made again after a crash is not counted again. */
const HARMLESS: ReadonlySet<string> = new Set(["receipt_replayed", "receipt_out_of_order"]);

it(`kills of both nodes lose no receipt and make up none (seed ${SEED})`, { timeout: gateOrSoak(240_000, 3_600_000) }, async () => {
  await using directory = await temporaryDirectory();
  const ports = { a: await freePort(), b: await freePort() };
  const victim = (name: "a" | "b", other: "a" | "b"): Victim => {
    const peer = `${other}.localhost=http://127.0.0.1:${ports[other]}`;
    const dataDir = `${directory.path}/${name}`;
    const options = [
      "--port",
      String(ports[name]),
      "--domain",
      `${name}.localhost`,
      "--data-dir",
      dataDir,
      "--peer",
      peer,
      "--log",
      "fatal",
    ];
    return new Victim(name, () => [NODE_COMMAND, ...options], "LAYR8_NODE_URL");
  };
  await using a = victim("a", "b");
  await using b = victim("b", "a");
  await Promise.all([a.start(), b.start()]);
  const agent = (name: "a" | "b", agentDid: string): Client => {
    const nodeUrl = `ws://127.0.0.1:${ports[name]}/plugin_socket/websocket`;
    return new Client(
      { nodeUrl, apiKey: API_KEY, agentDid, attachGrants: false },
      logErrors(() => undefined),
    );
  };
  const handled = new Set<string>();
  await using bob = agent("b", FAR);
  bob.handle(`${ORDERS}/create`, ({ id }) => void handled.add(id));
  await bob.connect();
  await using alice = agent("a", ALICE);
  await alice.connect();

  const confirm = async (id: string): Promise<readonly Receipt[]> => {
    for (;;) {
      try {
        return await alice.send(order(FAR, { id }), { until: "handled", timeoutMs: 60_000 });
      } catch (error) {
        if (!ParleyError.from(error).retryable) throw error;
        await vi.waitUntil(() => alice.connected, { timeout: 60_000 });
      }
    }
  };
  const random = randomFrom(SEED);
  let sent = 0;
  const sending = (async () => {
    for (; sent < MESSAGES; sent++) {
      const id = `m${sent}`;
      const receipts = await confirm(id);
      // Checked at once: `handled` may not be said of what is not handled.
      expect(handled.has(id)).toBe(true);
      expect(receipts.at(-1)).toMatchObject({ state: "handled", messageId: id, from: FAR });
    }
  })();
  sending.catch(() => undefined);
  for (let kill = 0; kill < KILLS; kill++) {
    // Some messages later, so that each kill hits another state. All kills are during the load.
    const next = Math.min(sent + 1 + random(STEP), MESSAGES - 1);
    await expect.poll(() => sent, { timeout: 120_000 }).toBeGreaterThanOrEqual(next);
    const node = kill % 2 === 0 ? b : a;
    await node.kill();
    await node.start();
  }
  await sending;
  expect(handled.size).toBe(MESSAGES);
  expect([...alice.rejectedReceipts.keys()].filter((code) => !HARMLESS.has(code))).toEqual([]);
  expect([...a.said, ...b.said]).toEqual([]);
});

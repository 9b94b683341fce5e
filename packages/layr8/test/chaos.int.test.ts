import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { gateOrSoak, randomFrom, SEED } from "@parley/test-assertions";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Client, DisconnectedError, NotConnectedError, PhoenixTransport } from "../src/index.ts";
import { agentProcess, API_KEY, nodeProcess, type Victim } from "./chaos/processes.ts";

const ROUNDS = gateOrSoak(5, 60);
/** Longest time that a process stands still, in milliseconds. */
const MAX_PAUSE_MS = gateOrSoak(300, 3000);
const REQUEST_ROUNDS = gateOrSoak(3, 30);
const ECHO = "https://layr8.io/protocols/echo/1.0";

/** One line of a receiver's log. */
interface Handled {
  readonly life: number;
  readonly sender: string;
  readonly number: number;
}

function readHandled(lines: readonly string[]): Handled[] {
  return lines.map((line) => {
    const [life, sender, number] = line.split(" ");
    return { life: Number(life), sender: sender ?? "", number: Number(number) };
  });
}

let directory: string;
let ending: AsyncDisposable[];

beforeEach(async () => {
  ending = [];
  directory = await mkdtemp(join(tmpdir(), "chaos-"));
});

afterEach(async () => {
  for (const each of ending.toReversed()) await each[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

describe(`kill -9 and SIGSTOP under load (PARLEY_SEED=${SEED})`, () => {
  it("loses nothing that was accepted, and handles nothing twice in one process", async () => {
    const random = randomFrom(SEED);
    const { node, url, httpUrl } = await nodeProcess(join(directory, "node"));
    const receiver = (name: string, options: object) =>
      agentProcess("receiver", `did:web:localhost:${name}`, directory, { nodeUrl: url, ...options });
    const receivers = {
      durable: receiver("durable", { durable: true }),
      durableLegacy: receiver("durable-legacy", { durable: true, legacy: true }),
      automatic: receiver("automatic", {}),
      // Acknowledges before it handles, as it must with an older node: it is not killed, for it would lose messages by design.
      automaticLegacy: receiver("automatic-legacy", { legacy: true }),
    };
    const recipients = Object.values(receivers).map(({ agent }) => agent.name);
    const senders = ["alice", "bob"].map((name) =>
      agentProcess("sender", `did:web:localhost:${name}`, directory, { nodeUrl: url, recipients }),
    );
    const victims: Victim[] = [node, ...Object.values(receivers).map(({ agent }) => agent), ...senders.map(({ agent }) => agent)];
    ending.push(...victims);
    const metrics = async () => (await fetch(`${httpUrl}/metrics`)).text();
    const said = () => victims.flatMap((victim) => victim.said);
    await node.start();
    for (const { agent } of Object.values(receivers)) await agent.start();
    // A node stores messages for agents that it has met.
    await expect.poll(metrics).toContain(`layr8_node_agents ${recipients.length}\n`);
    for (const { agent } of senders) await agent.start();

    const acceptedCount = () => senders.reduce((sum, { lines }) => sum + lines().length, 0);
    const mortal = victims.filter((victim) => victim !== receivers.automaticLegacy.agent);
    for (let round = 0; round < ROUNDS; round++) {
      const goal = acceptedCount() + 1 + random(150);
      await vi.waitFor(() => expect(acceptedCount(), said().join()).toBeGreaterThanOrEqual(goal), { timeout: 60_000, interval: 5 });
      const first = random(3) === 0 ? 0 : random(mortal.length);
      const second = random(mortal.length);
      const doomed = mortal.filter((_, index) => index === first || index === second);
      if (random(3) === 0) {
        for (const victim of doomed) victim.pause();
        await delay(random(MAX_PAUSE_MS));
        for (const victim of doomed) victim.resume();
        continue;
      }
      await Promise.all(doomed.map((victim) => victim.kill()));
      // Others go on without them for a moment.
      await delay(random(80));
      await Promise.all(doomed.map((victim) => victim.start()));
    }
    await Promise.all(senders.map(({ agent }) => agent.kill()));

    const accepted = senders.flatMap(({ agent, lines }) => lines().map((line) => ({ sender: agent.name, number: Number(line) })));
    const missing = () => {
      const handled = Object.values(receivers).map(
        ({ lines }) => new Set(readHandled(lines()).map(({ sender, number }) => `${sender} ${number}`)),
      );
      return accepted.filter(({ sender, number }) => !handled[number % handled.length]?.has(`${sender} ${number}`));
    };
    await vi.waitFor(() => expect(missing()).toEqual([]), { timeout: 60_000, interval: 50 });
    // All acknowledgements arrived too: nothing is left that could be handled once more.
    await vi.waitFor(async () => expect(await metrics()).toContain("layr8_node_inbox_messages 0\n"), { timeout: 60_000, interval: 50 });
    expect(await metrics()).toContain("layr8_node_failures_total 0\n");

    for (const [name, { lines }] of Object.entries(receivers)) {
      const twice: string[] = [];
      const outOfOrder: string[] = [];
      const seen = new Set<string>();
      const last = new Map<string, number>();
      for (const { life, sender, number } of readHandled(lines())) {
        const place = `${life} ${sender} ${number}`;
        if (seen.has(place)) twice.push(place);
        seen.add(place);
        const stream = `${life} ${sender}`;
        if (number < (last.get(stream) ?? -1)) outOfOrder.push(place);
        last.set(stream, number);
      }
      expect({ name, twice, outOfOrder }).toEqual({ name, twice: [], outOfOrder: [] });
    }
    expect(said()).toEqual([]);
  });

  it("ends every request with its response or a typed error, while the node is killed and restarted", async () => {
    const random = randomFrom(SEED);
    const { node, url } = await nodeProcess(join(directory, "node"));
    ending.push(node);
    await node.start();
    const client = (name: string) => {
      const transport = new PhoenixTransport({ nodeUrl: url, apiKey: API_KEY, backoff: { initialMs: 30, maxMs: 150 } });
      const made = new Client({ transport, agentDid: `did:web:localhost:${name}`, requestTimeoutMs: 15_000 }, () => {});
      ending.push(made);
      return made;
    };
    const echo = client("echo");
    echo.handle(`${ECHO}/request`, (message) => ({ type: `${ECHO}/response`, body: message.body }));
    await echo.connect();
    const asker = await client("asker").connect();

    const stop = new AbortController();
    let answered = 0;
    const unexpected: unknown[] = [];
    const ask = async (lane: number) => {
      for (let i = 0; !stop.signal.aborted; i++) {
        const body = { question: `${lane}/${i}` };
        try {
          const answer = await asker.request({ type: `${ECHO}/request`, to: echo.did, body });
          if (answer.body["question"] === body.question) answered += 1;
          else unexpected.push(answer);
        } catch (error) {
          // A request that times out has lost its way: the link broke for neither or was told.
          if (!(error instanceof DisconnectedError || error instanceof NotConnectedError)) unexpected.push(error);
          await delay(5);
        }
      }
    };
    const lanes = Array.from({ length: 32 }, (_, lane) => ask(lane));
    for (let round = 0; round < REQUEST_ROUNDS; round++) {
      const goal = answered + 1 + random(300);
      await vi.waitFor(() => expect(answered).toBeGreaterThanOrEqual(goal), { timeout: 60_000, interval: 5 });
      await node.kill();
      await delay(random(80));
      await node.start();
    }
    stop.abort();
    await Promise.all(lanes);
    expect(unexpected).toEqual([]);
    expect(node.said).toEqual([]);
  });
});

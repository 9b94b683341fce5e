import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startSkytale } from "@parley/skytale-server";
import { gateOrSoak } from "@parley/test-assertions";
import { afterAll, describe, expect, it } from "vitest";
import { SkytaleChannelManager } from "../src/index.ts";
import { startCommand } from "../../skytale-server/test/cli/command.ts";

/** Channels that the example runs on, one after the other at each pair of agents. */
const RUNS = gateOrSoak(24, 400);
const PAIRS = 8;
const RUNS_PER_PAIR = RUNS / PAIRS;
const EXPECTED = ["Hello from Alice!", "Another message!"];

interface Account {
  readonly endpoint: string;
  readonly apiUrl: string;
  readonly apiKey: string;
}

const directory = await mkdtemp(join(tmpdir(), "skytale-full-example-"));
afterAll(() => rm(directory, { recursive: true, force: true }));

/** The example on one channel after another; gives what bob's single `receive` returned on each. */
async function runExamples(account: Account, pair: number): Promise<(readonly string[])[]> {
  const dataDir = join(directory, crypto.randomUUID());
  await using alice = new SkytaleChannelManager({ ...account, identity: "alice", dataDir: join(dataDir, "alice") });
  await using bob = new SkytaleChannelManager({ ...account, identity: "bob", dataDir: join(dataDir, "bob") });
  const received: (readonly string[])[] = [];
  for (let run = 0; run < RUNS_PER_PAIR; run++) {
    const channel = `myorg/team/general-${pair}-${run}`;
    await alice.create(channel);
    const token = await alice.invite(channel);
    await bob.joinWithToken(channel, token);
    await alice.send(channel, "Hello from Alice!");
    await alice.send(channel, "Another message!");
    // It returns once both are there; only a busy machine needs longer than the default of 5 s.
    received.push(await bob.receive(channel, { timeoutMs: 60_000 }));
  }
  return received;
}

async function expectBothMessagesEachTime(account: Account): Promise<void> {
  const received = await Promise.all(Array.from({ length: PAIRS }, (_, pair) => runExamples(account, pair)));
  expect(received.flat()).toEqual(Array.from({ length: RUNS }, () => EXPECTED));
}

describe("the Python SDK's full example, with a single receive", () => {
  it(
    "gives both messages each time with the server in this process",
    async () => {
      await using server = await startSkytale({ port: 0, relayPort: 0, logger: false });
      await expectBothMessagesEachTime({ endpoint: server.relayUrl, apiUrl: server.apiUrl, apiKey: server.apiKey ?? "" });
    },
    gateOrSoak(180_000, 3_600_000),
  );

  it(
    "gives both messages each time with skytale-server as a process of its own",
    async () => {
      const variables = ["SKYTALE_RELAY", "SKYTALE_API_URL", "SKYTALE_API_KEY"];
      const server = await startCommand(["--port", "0", "--relay-port", "0", "--data-dir", join(directory, "server")], variables);
      const { SKYTALE_RELAY: endpoint = "", SKYTALE_API_URL: apiUrl = "", SKYTALE_API_KEY: apiKey = "" } = server.printed;
      try {
        await expectBothMessagesEachTime({ endpoint, apiUrl, apiKey });
      } finally {
        await server.stop("SIGTERM");
      }
    },
    gateOrSoak(180_000, 3_600_000),
  );
});

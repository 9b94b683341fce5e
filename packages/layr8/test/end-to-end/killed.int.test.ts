import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import type { Receipt } from "../../src/index.ts";
import { Agents, ALICE, ask, BOB, KEY } from "./agents.ts";
import { LyingNode } from "./lying-node.ts";

const PROGRAM = fileURLToPath(new URL("fixtures/handling-agent.mjs", import.meta.url));

let agents: Agents;

beforeEach(async () => {
  agents = await Agents.start();
});

afterEach(() => agents[Symbol.asyncDispose]());

const handledFile = (): string => join(agents.path, "handled");

/** Starts Bob in a process of his own. Resolves when he is connected. */
async function startBob(nodeUrl: string, more: readonly string[] = []): Promise<ChildProcess> {
  const parameters = [nodeUrl, KEY, BOB, agents.keyStore(BOB), JSON.stringify(agents.hosts), handledFile(), ...more];
  const child = spawn(process.execPath, [PROGRAM, ...parameters], { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => kill(child));
  await once(child.stdout, "data");
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
}

/** Sends a message of Alice until it is handled. */
async function send(id: string): Promise<{ readonly seen: readonly Receipt[]; readonly handled: Promise<readonly Receipt[]> }> {
  const alice = await agents.agent(ALICE).connect();
  const seen: Receipt[] = [];
  const onReceipt = (receipt: Receipt): unknown => seen.push(receipt);
  const handled = alice.send({ ...ask(BOB), id }, { until: "handled", timeoutMs: 60_000, onReceipt });
  handled.catch(() => undefined);
  return { seen, handled };
}

describe("an agent that holds its keys itself", { timeout: 120_000 }, () => {
  it("and is killed between a handler and its receipt makes the receipt at its next start, and no handler runs again", async () => {
    const liar = await LyingNode.listen(agents.node("b").url);
    onTestFinished(() => liar.close());
    const bob = await startBob(liar.url);
    let envelopes = 0;
    const onItsWay = new Promise<void>((resolve) => {
      liar.fromAgent = (frame) => {
        const isEnvelope = frame[3] === "message" && JSON.stringify(frame[4]).includes('"ciphertext"');
        // The first one says `delivered`.
        if (!isEnvelope || ++envelopes === 1) return [frame];
        resolve();
        return [];
      };
    });
    const { seen, handled } = await send("m1");
    await onItsWay;
    await kill(bob);
    await expect.poll(() => seen.map(({ state }) => state)).toEqual(["delivered"]);
    await startBob(agents.node("b").url);
    const receipts = await handled;
    expect(receipts.map(({ state }) => state)).toEqual(["delivered", "handled"]);
    expect(receipts[1]?.digest).toBe(receipts[0]?.digest);
    expect(await readFile(handledFile(), "utf8")).toBe("m1\n");
    expect(agents.errors).toEqual([]);
  });

  it("and is killed in a handler runs it again at its next start, and then makes the receipt", async () => {
    const bob = await startBob(agents.node("b").url, ["kill"]);
    const exited = once(bob, "exit");
    const { seen, handled } = await send("m1");
    await exited;
    expect(seen.map(({ state }) => state)).not.toContain("handled");
    await startBob(agents.node("b").url);
    expect((await handled).at(-1)).toMatchObject({ state: "handled", from: BOB });
    expect(await readFile(handledFile(), "utf8")).toBe("m1\nm1\n");
  });
});

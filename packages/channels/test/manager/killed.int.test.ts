import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { fileURLToPath } from "node:url";
import { bundleProgram } from "@parley/test-assertions";
import { afterEach, beforeEach, expect, it } from "vitest";
import { Envelope, Protocol } from "@parley/envelope-and-adapters";
import { bytes, NAME } from "../support/harness.ts";
import { Managers } from "../support/managers.ts";

const OUT = "acme/team/out";

/** Alice in her own process, from the built package. With DIE=1 the process kills itself as soon as it has added a member. */
const ALICE = await bundleProgram(fileURLToPath(new URL("../fixtures/alice.mjs", import.meta.url)));

let managers: Managers;
let processes: ChildProcess[];

beforeEach(async () => {
  managers = await Managers.start();
  processes = [];
});

afterEach(async () => {
  for (const child of processes) child.kill("SIGKILL");
  await managers[Symbol.asyncDispose]();
});

function spawnAlice(env: Readonly<Record<string, string>>): { readonly child: ChildProcess; readonly lines: Interface } {
  const { server, apiKey, directory } = managers.harness;
  const child = spawn(process.execPath, [ALICE], {
    env: {
      ...process.env,
      ENDPOINT: server.relayUrl,
      API_URL: server.apiUrl,
      API_KEY: apiKey,
      DATA_DIR: join(directory, "alice"),
      NAME,
      OUT,
      ...env,
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  processes.push(child);
  return { child, lines: createInterface({ input: child.stdout }) };
}

/** Starts alice; resolves with the process and the first line that she says. */
async function alice(env: Readonly<Record<string, string>>): Promise<{ readonly child: ChildProcess; readonly said: string }> {
  const { child, lines } = spawnAlice(env);
  const [said] = (await once(lines, "line")) as [string];
  return { child, said };
}

/** Alice forwards from one channel to the other, and says the ids. */
function forwarding(die: string): { readonly child: ChildProcess; readonly ids: readonly string[] } {
  const { child, lines } = spawnAlice({ TASK: "forward", DIE: die });
  const ids: string[] = [];
  lines.on("line", (id) => ids.push(id));
  return { child, ids };
}

it("an invited agent joins although the inviter is killed before the request", async () => {
  const { child, said: token } = await alice({ TASK: "invite" });
  child.kill("SIGKILL");
  await once(child, "exit");
  const bob = managers.of("bob");
  const joining = bob.joinWithToken(NAME, token, { timeout: 30 });
  await alice({ TASK: "open" });
  await joining;
  expect(bob.members(NAME)).toHaveLength(2);
});

it("an invited agent joins although the inviter is killed between the commit and storing the welcome", async () => {
  const { child, said: token } = await alice({ TASK: "invite", DIE: "1" });
  const bob = managers.of("bob");
  const died = once(child, "exit");
  const joining = bob.joinWithToken(NAME, token, { timeout: 30 });
  expect(await died).toEqual([null, "SIGKILL"]);
  await alice({ TASK: "open" });
  await joining;
  expect(bob.members(NAME).map(({ identity }) => Buffer.from(identity).toString())).toEqual(["alice", "bob"]);
  await bob.send(NAME, "made it");
});

it("after a kill, unsettled messages are delivered again, and settled ones are not", async () => {
  const bob = managers.of("bob");
  await bob.create(NAME);
  const before = managers.of("alice");
  await before.join(NAME, await bob.addMember(NAME, await before.keyPackage()));
  await before.close();
  await bob.send(NAME, "first");
  const { child, said } = await alice({ TASK: "receive" });
  expect(said).toBe("first");
  // Receiving the second message settled the first. The second one is not settled.
  const second = once(createInterface({ input: child.stdout ?? process.stdin }), "line");
  await bob.send(NAME, "second");
  expect(await second).toEqual(["second"]);
  child.kill("SIGKILL");
  await once(child, "exit");
  await bob.send(NAME, "third");
  const after = managers.of("alice");
  await after.open(NAME);
  const received: string[] = [];
  while (!received.includes("third")) received.push(...(await after.receive(NAME, { timeout: 20 })));
  expect(received).toEqual(["second", "third"]);
});

it("messages forwarded between channels arrive once and in order although the agent is killed between any two steps", async () => {
  const bob = managers.of("bob");
  const before = managers.of("alice");
  for (const name of [NAME, OUT]) {
    await bob.create(name);
    await before.join(name, await bob.addMember(name, await before.keyPackage()));
  }
  await before.close();
  const [source, target] = [await bob.open(NAME), await bob.open(OUT)];
  const deaths = ["received", "sending", "sent", "settling", "settled", "sent"];
  const sent = Array.from({ length: 4 * deaths.length }, (_, index) => `${index}`);
  for (const content of sent) await source.send(new Envelope(Protocol.RAW, "text/plain", bytes(content)));
  const arrived = target.receive();
  const all: (readonly string[])[] = [];
  for (const die of deaths) {
    const { child, ids } = forwarding(die);
    expect(await once(child, "close")).toEqual([null, "SIGKILL"]);
    all.push(ids);
  }
  // Unsettled envelopes are redelivered first, with their ids; settled ones are not.
  const comesAgain = all.slice(1).map((next, index) => (deaths[index] === "settling" ? "perhaps" : next[0] === all[index]?.[2]));
  expect(comesAgain).toEqual([true, true, true, "perhaps", false]);
  const { ids } = forwarding("");
  await source.send(new Envelope(Protocol.RAW, "text/plain", bytes("end")));
  const got: string[] = [];
  while (got.at(-1) !== "end") got.push(Buffer.from((await arrived.next()).value?.envelope.payload ?? []).toString());
  expect(got).toEqual([...sent, "end"]);
  expect(ids).toEqual(ids.toSorted((a, b) => Number(a) - Number(b)));
});

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { didKeyDocument } from "@parley/did";
import { isJsonObject } from "@parley/core";
import { bundleProgram, gateOrSoak, randomFrom, SEED, temporaryDirectory } from "@parley/test-assertions";
import { expect, it } from "vitest";
import { Partner } from "./partner.ts";
import { World } from "./world.ts";

const LOAD = await bundleProgram(fileURLToPath(new URL("fixtures/outbound-load.mjs", import.meta.url)));
const HOST = "partner.localhost";
const SENDER = "did:key:z6LStFzrJVqF7yc57dgdoFUwBLgnB79wrd8ShJ2F9zLKqgqR";
const ROUNDS = gateOrSoak(3, 60);
/** Messages that arrive before a kill, at most: each kill hits another state. */
const STEP = 300;

const TIMEOUT = gateOrSoak(120_000, 3_600_000);

it(`a node that is killed under load delivers every accepted message, in order (seed ${SEED})`, { timeout: TIMEOUT }, async () => {
  const random = randomFrom(SEED);
  const directory = await temporaryDirectory();
  const world = new World();
  const document: unknown = JSON.parse(JSON.stringify(didKeyDocument(SENDER)));
  if (isJsonObject(document)) world.documents.set(SENDER, document);
  const partner = await Partner.start(HOST, world);
  for (let pair = 0; pair < 4; pair++) partner.agent(`agent-${pair}`);
  let posts = 0;
  partner.answer = (_, response) => {
    // Some it can't accept, and some answers are lost.
    posts += 1;
    if (posts % 37 === 0) response.writeHead(503).end();
    else if (posts % 41 === 0) response.socket?.destroy();
    else response.writeHead(202).end();
  };
  try {
    const log = join(directory.path, "log");
    const run = (round: string): ReturnType<typeof spawn> =>
      spawn(process.execPath, [LOAD, join(directory.path, "data"), log, round, HOST, partner.origin], {
        stdio: ["ignore", "pipe", "inherit"],
      });
    for (let round = 0; round < ROUNDS; round++) {
      const child = run(String(round));
      const exited = once(child, "exit");
      const goal = partner.arrivals.length + 10 + random(STEP);
      await partner.until(() => partner.arrivals.length > goal);
      child.kill("SIGKILL");
      const [, signal] = (await exited) as [number | null, NodeJS.Signals | null];
      expect(signal).toBe("SIGKILL");
    }
    const [code] = (await once(run("last"), "exit")) as [number | null];
    expect(code).toBe(0);

    const lines = (await readFile(log, "utf8")).split("\n").slice(0, -1);
    expect(lines.filter((line) => !line.startsWith("stored "))).toEqual([]);
    const stored = lines.map((line) => line.slice("stored ".length));
    expect(stored.length).toBeGreaterThan(ROUNDS * 10);
    // In the order of their first arrival.
    const arrived = new Set(partner.ids);
    expect(
      stored.filter((id) => !arrived.has(id)),
      "lost",
    ).toEqual([]);
    for (let pair = 0; pair < 4; pair++) {
      const numbers = [...arrived].filter((id) => id.startsWith(`${pair}-`)).map((id) => id.split("-").slice(1).map(Number));
      expect(numbers).toEqual(numbers.toSorted(([roundA = 0, a = 0], [roundB = 0, b = 0]) => roundA - roundB || a - b));
    }
  } finally {
    await partner.stop();
    await directory.remove();
  }
});

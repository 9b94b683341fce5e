import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundleProgram, gateOrSoak, randomFrom, SEED, temporaryDirectory } from "@parley/test-assertions";
import { expect, it } from "vitest";
import type { Inbox, InboxMessage } from "../../src/inbox/inbox.ts";
import { LmdbInbox } from "../../src/inbox/lmdb-inbox.ts";
import { SCHEMA } from "../../src/open-stores.ts";
import { LmdbEnvironment } from "@parley/storage-lmdb";
import { boxOf } from "./box-of.ts";

const LOAD = await bundleProgram(fileURLToPath(new URL("fixtures/inbox-load.mjs", import.meta.url)));
const ROUNDS = gateOrSoak(4, 100);
const TIMEOUT = gateOrSoak(120_000, 3_600_000);
/** Bytes of notes about calls before a kill, at most: each kill hits another state. */
const STEP = 100_000;

interface Noted {
  readonly recipient: string;
  readonly id: string;
  readonly seq: number;
  settle: "none" | "requested" | "resolved";
}

it(`an inbox that is killed under load keeps acknowledged writes (seed ${SEED})`, { timeout: TIMEOUT }, async () => {
  const random = randomFrom(SEED);
  const directory = await temporaryDirectory();
  const data = join(directory.path, "data");
  const noted = new Map<number, Noted>();
  try {
    for (let round = 0; round < ROUNDS; round++) {
      const logFile = join(directory.path, `${round}.log`);
      await runAndKill([data, logFile, String(round)], random(STEP));
      const fresh = take(await readFile(logFile, "utf8"), noted);
      expect(fresh.length).toBeGreaterThan(0);

      const environment = await LmdbEnvironment.open(data, SCHEMA);
      try {
        await check(await LmdbInbox.open(environment), noted, fresh);
      } finally {
        await environment.close();
      }
    }
  } finally {
    await directory.remove();
  }
});

/** Runs the load until its log has more bytes. */
async function runAndKill(parameters: readonly [data: string, logFile: string, round: string], bytes: number): Promise<void> {
  const child = spawn(process.execPath, [LOAD, ...parameters], { stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(child, "exit");
  await once(child.stdout, "data");
  await expect.poll(async () => (await stat(parameters[1])).size, { interval: 5 }).toBeGreaterThan(bytes);
  child.kill("SIGKILL");
  const [, signal] = (await exited) as [number | null, NodeJS.Signals | null];
  expect(signal).toBe("SIGKILL");
}

/** Reads a round's notes. Returns what the round appended, in the order of the appends' resolving. */
function take(log: string, noted: Map<number, Noted>): Noted[] {
  const fresh: Noted[] = [];
  const usedTwice: string[] = [];
  for (const line of log.split("\n").slice(0, -1)) {
    const [what, recipient = "", id = "", seqText] = line.split(" ");
    const seq = Number(seqText);
    const entry = noted.get(seq);
    if (what === "appended") {
      if (entry !== undefined) usedTwice.push(`${entry.id} ${id}`);
      const stored: Noted = { recipient, id, seq, settle: "none" };
      noted.set(seq, stored);
      fresh.push(stored);
    } else if (entry !== undefined) {
      entry.settle = what === "settled" ? "resolved" : "requested";
    }
  }
  expect(usedTwice, "seqs used twice").toEqual([]);
  return fresh;
}

async function check(inbox: Inbox, noted: ReadonlyMap<number, Noted>, fresh: readonly Noted[]): Promise<void> {
  const found = new Map<number, InboxMessage>();
  for (const recipient of new Set(Array.from(noted.values(), ({ recipient: each }) => each))) {
    const messages = await (await boxOf(inbox, recipient)).read({ after: 0, limit: 100_000, maxLength: 1e9 });
    const seqs = messages.map(({ seq }) => seq);
    expect(seqs).toEqual(seqs.toSorted((a, b) => a - b));
    // Within a round, ids count up with the calls of append.
    for (let round = 0; round < ROUNDS; round++) {
      const numbers = messages.flatMap(({ id }) => (id.startsWith(`${round}-`) ? Number(id.split("-")[1]) : []));
      expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
    }
    const length = messages.reduce((sum, { plaintext }) => sum + plaintext.length, 0);
    expect(await inbox.depth(recipient)).toEqual({ messages: messages.length, length });
    for (const message of messages) found.set(message.seq, message);
  }

  const isThere = ({ seq, id, recipient }: Noted): boolean => {
    const message = found.get(seq);
    return message?.id === id && message.recipient === recipient && message.plaintext.startsWith(`${id}:`);
  };
  const all = [...noted.values()];
  expect(
    all.filter((entry) => entry.settle === "none" && !isThere(entry)),
    "lost",
  ).toEqual([]);
  expect(
    all.filter((entry) => entry.settle === "resolved" && found.has(entry.seq)),
    "came back",
  ).toEqual([]);

  for (const { recipient, id } of fresh.filter((_, index) => index % 20 === 0)) {
    const message = { recipient, id, from: "did:web:peer.example", type: "t", plaintext: "", authorized: true, expiresAt: 9e12 };
    expect(await inbox.append(message)).toEqual({ status: "duplicate" });
  }
}

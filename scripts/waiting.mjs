// npm run waiting [-- <directory>]: builds a node's data directory in which a million messages wait for 100,000 DIDs without a connection,
// starts the node on it, and prints how long that took and how much memory it has. Fails beyond 300 MiB or 5 s. Needs half a GiB of disk.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRequire } from "node:module";

const DIDS = Number(process.env["DIDS"] ?? 100_000);
const MESSAGES = Number(process.env["MESSAGES"] ?? 1_000_000);
const MAX_RSS = 300 * 1024 * 1024;
const MAX_MS = 5000;
/** How long the node is watched after its start, in milliseconds: it must not read everything then. */
const WATCH_MS = 5000;
const NODE = new URL("../packages/layr8-node/", import.meta.url);

const [given] = process.argv.slice(2);
const directory = given ?? (await mkdtemp(join(tmpdir(), "parley-waiting-")));
try {
  if (given === undefined || (await stat(join(given, "node.mdb")).catch(() => undefined)) === undefined) await fill();
  await measure();
} finally {
  if (given === undefined) await rm(directory, { recursive: true });
}

async function fill() {
  const require = createRequire(new URL("package.json", NODE));
  const { storedRecords } = require("@parley/storage");
  const { LmdbEnvironment } = require("@parley/storage-lmdb");
  const { LmdbInbox } = await import(new URL("dist/inbox/lmdb-inbox.js", NODE).href);
  const { SCHEMA } = await import(new URL("dist/stores.js", NODE).href);
  const environment = await LmdbEnvironment.open(directory, SCHEMA);
  const records = storedRecords(environment, "dids");
  const now = Date.now();
  const didOf = (index) => `did:web:localhost%3A4000:agents:${index}`;
  for (let start = 0; start < DIDS; start += 10_000) {
    const dids = Array.from({ length: Math.min(10_000, DIDS - start) }, (_, index) => didOf(start + index));
    const record = { storage: "persistent", ownerKeyId: "key", createdAt: now, lastSeenAt: now };
    await Promise.all(dids.map((did) => records.put(did, { did, ...record })));
  }
  const inbox = await LmdbInbox.open(environment);
  for (let start = 0; start < MESSAGES; start += 10_000) {
    const appended = await Promise.all(
      Array.from({ length: Math.min(10_000, MESSAGES - start) }, (_, index) => append(inbox, didOf((start + index) % DIDS), start + index)),
    );
    await Promise.all(appended.map(({ durable }) => durable));
  }
  await inbox.close();
  await environment.close();

  function append(target, recipient, number) {
    const id = `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`;
    const from = "did:web:localhost%3A4000:agents:sender";
    const type = "https://layr8.io/protocols/echo/1.0/request";
    const plaintext = JSON.stringify({ id, type, from, to: [recipient], body: { message: "hello" } });
    return target.append({ recipient, id, from, type, plaintext, authorized: true, expiresAt: now + 7 * 24 * 60 * 60_000 + number });
  }
}

async function measure() {
  const { size } = await stat(join(directory, "node.mdb"));
  const startedAt = performance.now();
  const bin = new URL("bin/layr8-node.js", NODE).pathname;
  const child = spawn(process.execPath, [bin, "--port", "0", "--data-dir", directory, "--log", "warn"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(child.stdout, "data");
  const startMs = Math.round(performance.now() - startedAt);
  const [rssAtStart] = await memoryOf(child.pid);
  await new Promise((resolve) => setTimeout(resolve, WATCH_MS));
  const [, peak] = await memoryOf(child.pid);
  child.kill("SIGTERM");
  await once(child, "exit");
  const mib = (bytes) => Math.round(bytes / 1024 / 1024);
  console.log(
    `${MESSAGES} messages for ${DIDS} DIDs in ${mib(size)} MiB: start in ${startMs} ms, ${mib(rssAtStart)} MiB then, ${mib(peak)} MiB at most`,
  );
  if (peak > MAX_RSS || startMs > MAX_MS) process.exitCode = 1;
}

/** Resident memory of a process now and at most, in bytes. Linux only. */
async function memoryOf(pid) {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return ["VmRSS", "VmHWM"].map((name) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]) * 1024);
}

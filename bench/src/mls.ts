import { readFile } from "node:fs/promises";
import { measure, type Variant } from "./harness.ts";
import { OwnGroup } from "./mls-own.ts";
import { PeerGroup } from "./mls-peer.ts";

const SIZES = [2, 10, 100, 1000];
const PAYLOAD = new Uint8Array(256).fill(7);
const DEFAULT = "ts-mls 1.6.4, default provider";
const MEMORY = "ours, state in memory";
const FILES = "ours, state in files";

/** Groups of MLS: what a message, a commit, a join and a restart cost, against ts-mls as it comes. */
export async function mls(): Promise<void> {
  await warmUp();
  for (const size of SIZES) {
    const [memory, files, peer] = [await OwnGroup.of(size, "memory"), await OwnGroup.of(size, "files"), await PeerGroup.of(size)];
    try {
      await messages(size, memory, files, peer);
      await commits(size, memory, files, peer);
    } finally {
      await Promise.all([memory.close(), files.close()]);
    }
  }
}

async function messages(size: number, memory: OwnGroup, files: OwnGroup, peer: PeerGroup): Promise<void> {
  const count = 320;
  const sent = { memory: [] as Uint8Array[], files: [] as Uint8Array[], peer: [] as Awaited<ReturnType<PeerGroup["encrypt"]>>[] };
  await measure({
    title: `encrypt 256 bytes, ${size} members`,
    unit: "µs",
    baseline: DEFAULT,
    variants: [
      each(MEMORY, count, async () => sent.memory.push(await memory.encrypt(PAYLOAD))),
      each(FILES, count, async () => sent.files.push(await files.encrypt(PAYLOAD))),
      each(DEFAULT, count, async () => sent.peer.push(await peer.encrypt(PAYLOAD))),
    ],
  });
  await measure({
    title: `decrypt 256 bytes, ${size} members`,
    unit: "µs",
    baseline: DEFAULT,
    variants: [
      each(MEMORY, count, async () => memory.decrypt(next(sent.memory))),
      each(FILES, count, async () => files.decrypt(next(sent.files))),
      each(DEFAULT, count, async () => peer.decrypt(next(sent.peer))),
    ],
  });
  for (let n = 0; n < count; n++) sent.files.push(await files.encrypt(PAYLOAD));
  const before = await bytesWritten();
  while (sent.files.length > 0) await files.decrypt(next(sent.files));
  await files.flush();
  if (before !== undefined)
    console.log(`  bytes written for a received message: ${Math.round((((await bytesWritten()) ?? before) - before) / count)}`);
}

/** Bytes that this process has written so far; `undefined` where the system doesn't tell. */
async function bytesWritten(): Promise<number | undefined> {
  try {
    return Number(/^wchar: (\d+)$/m.exec(await readFile("/proc/self/io", "utf8"))?.[1]);
  } catch {
    return undefined;
  }
}

/** Runs everything once, so that the first figures are measured with compiled code too. */
async function warmUp(): Promise<void> {
  const [own, peer] = [await OwnGroup.of(2, "memory"), await PeerGroup.of(2)];
  for (let n = 0; n < 500; n++) {
    await own.decrypt(await own.encrypt(PAYLOAD));
    await peer.decrypt(await peer.encrypt(PAYLOAD));
  }
  await own.close();
}

async function commits(size: number, memory: OwnGroup, files: OwnGroup, peer: PeerGroup): Promise<void> {
  const leaf = size - 1;
  const kinds: readonly [string, (group: OwnGroup) => Promise<number>, () => Promise<unknown>][] = [
    ["add a member", (group) => group.add(), () => peer.add()],
    ["update one's own keys", (group) => group.update(), () => peer.update()],
    ["remove a member", (group) => group.remove(leaf), () => peer.remove(leaf)],
    ["join by a Welcome", (group) => group.join(), () => peer.join()],
  ];
  for (const [what, own, theirs] of kinds) {
    await measure({
      title: `${what}, ${size} members that were added in one commit`,
      unit: "ms",
      baseline: DEFAULT,
      variants: [
        { name: MEMORY, run: () => own(memory) },
        { name: FILES, run: () => own(files) },
        { name: DEFAULT, run: () => timed(theirs) },
      ],
    });
  }
  await measure({
    title: `load the group after a restart, ${size} members`,
    unit: "ms",
    variants: [{ name: FILES, run: () => files.load() }],
  });
}

/** Microseconds of one of many runs, one after the other. */
function each(name: string, count: number, run: () => Promise<unknown>): Variant {
  return {
    name,
    run: async () => {
      const took = await timed(async () => {
        for (let n = 0; n < count; n++) await run();
      });
      return (took * 1000) / count;
    },
  };
}

async function timed(run: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await run();
  return performance.now() - started;
}

function next<T>(queue: T[]): T {
  const first = queue.shift();
  if (first === undefined) throw new Error("Nothing is left to decrypt");
  return first;
}

import { measureCurve } from "../harness.ts";
import { OwnGroup } from "../mls-own.ts";

const SIZES = [10, 30, 100, 300, 1000];
const PAYLOAD = new Uint8Array(256).fill(7);
const MESSAGES = 100;

/** What a message and a commit cost as an MLS group grows, with its state in files. */
export async function growthMembers(): Promise<void> {
  const groups = new Map<number, OwnGroup>();
  try {
    for (const size of SIZES) groups.set(size, await OwnGroup.of(size, "files"));
    const groupOf = (size: number): OwnGroup => groups.get(size) ?? missing(size);
    const sent: Uint8Array[] = [];
    await measureCurve({
      title: "A message of 256 bytes in an MLS group",
      unit: "µs",
      axis: "members",
      at: SIZES,
      variants: [
        { name: "encrypt", run: (size) => perMessage(async () => sent.push(await groupOf(size).encrypt(PAYLOAD))) },
        { name: "decrypt", run: (size) => perMessage(() => groupOf(size).decrypt(sent.shift() ?? missing(size))) },
      ],
    });
    await measureCurve({
      title: "A commit in an MLS group",
      unit: "ms",
      axis: "members",
      at: SIZES,
      variants: [
        { name: "add a member", run: (size) => groupOf(size).add() },
        { name: "first key update", run: (size) => groupOf(size).update() },
        { name: "join by a Welcome", run: (size) => groupOf(size).join() },
      ],
    });
  } finally {
    for (const group of groups.values()) await group.close();
  }
}

/** Microseconds for each of many, one after the other. */
async function perMessage(run: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  for (let n = 0; n < MESSAGES; n++) await run();
  return ((performance.now() - started) / MESSAGES) * 1000;
}

function missing(size: number): never {
  throw new Error(`Nothing was prepared for ${size} members`);
}

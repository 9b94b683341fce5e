import { createCipheriv, createHmac, diffieHellman, generateKeyPairSync, randomBytes } from "node:crypto";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { measure, type Variant } from "./harness.ts";
import { OwnGroup } from "./mls-own.ts";

const MEMBERS = 1000;
const ALONE = "as many HPKE encryptions, calls of node:crypto alone, one thread";
/** Derivations for one recipient; hashes that are the same for all of them are left out. */
const DERIVATIONS = 5;

/** A group whose members have not updated their keys yet: how long operations take, and how long they block the event loop. */
export async function mlsLargeGroup(): Promise<void> {
  const group = await OwnGroup.of(MEMBERS, "memory");
  const operations: readonly (readonly [string, () => Promise<number>])[] = [
    ["key update", () => group.update()],
    ["remove a member", () => group.remove(MEMBERS - 1)],
    ["process a key update", () => group.processUpdate()],
    ["join by a Welcome", () => group.join()],
  ];
  try {
    for (const [, run] of operations) await run();
    await measure({
      title: `Key update in a group of ${MEMBERS}, ${MEMBERS - 1} encrypted path secrets`,
      unit: "ms",
      baseline: ALONE,
      variants: [
        { name: "ours, state in memory", run: () => group.update() },
        { name: ALONE, run: sealAlone },
      ],
    });
    await measure({
      title: `Duration in a group of ${MEMBERS}`,
      unit: "ms",
      variants: operations.map(([name, run]) => ({ name, run })),
    });
    await measure({
      title: `Longest block of the event loop in a group of ${MEMBERS}`,
      unit: "ms",
      variants: operations.map(([name, run]) => longestBlock(name, run)),
    });
  } finally {
    await group.close();
  }
}

function longestBlock(name: string, run: () => Promise<unknown>): Variant {
  return {
    name,
    run: async () => {
      globalThis.gc?.();
      const delay = monitorEventLoopDelay({ resolution: 1 });
      delay.enable();
      await run();
      await new Promise((resolve) => setTimeout(resolve, 5));
      delay.disable();
      return delay.max / 1e6;
    },
  };
}

/** Milliseconds for what HPKE takes at least (RFC 9180, suite 1 of RFC 9420): a key pair, an agreement, derivations, and AES-GCM. */
async function sealAlone(): Promise<number> {
  const recipient = generateKeyPairSync("x25519").publicKey;
  const [secret, context, plaintext] = [randomBytes(32), randomBytes(65), randomBytes(32)];
  const started = performance.now();
  for (let n = 1; n < MEMBERS; n++) {
    const { privateKey } = generateKeyPairSync("x25519");
    diffieHellman({ privateKey, publicKey: recipient });
    for (let derivation = 0; derivation < DERIVATIONS; derivation++) createHmac("sha256", secret).update(context).digest();
    const cipher = createCipheriv("aes-128-gcm", secret.subarray(0, 16), secret.subarray(0, 12));
    Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
  }
  return performance.now() - started;
}

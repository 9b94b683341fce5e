// The program of a thread that encrypts with HPKE. It answers the jobs in their order, and keeps nothing of them.
import { parentPort } from "node:worker_threads";
import type { CipherSuite } from "../cipher-suite.ts";
import { createCipherSuite } from "../create-cipher-suite.ts";
import type { CipherSuiteName } from "../suites.ts";
import type { SealAnswer, SealJob } from "./seal-job.ts";

const NO_DATA = new Uint8Array(0);
const suites = new Map<CipherSuiteName, CipherSuite>();

parentPort?.postMessage("ready");
parentPort?.on("message", (job: SealJob | "end") => {
  if (job === "end") parentPort?.close();
  else parentPort?.postMessage(seal(job));
});

function seal({ suite: name, info, plaintext, publicKeys }: SealJob): SealAnswer {
  const suite = suites.get(name) ?? createCipherSuite(name);
  suites.set(name, suite);
  try {
    return publicKeys.map((publicKey) => suite.hpkeSeal(publicKey, info, NO_DATA, plaintext));
  } catch {
    return undefined;
  } finally {
    plaintext.fill(0);
  }
}

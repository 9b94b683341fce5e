import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import { createCipherSuite } from "../../src/crypto/create-cipher-suite.ts";
import type { KeyPair } from "../../src/crypto/cipher-suite.ts";
import { SealThread, sealThreads } from "../../src/crypto/native/seal-thread.ts";
import type { SealJob } from "../../src/crypto/native/seal-job.ts";

const suite = createCipherSuite();
const info = new TextEncoder().encode("info");
const NO_DATA = new Uint8Array();
const WORKER = new URL("../../dist/crypto/native/seal-worker.js", import.meta.url);

function pairs(count: number): KeyPair[] {
  return Array.from({ length: count }, () => suite.generateKeyPair());
}

function jobFor(recipients: readonly KeyPair[], plaintext: Uint8Array): SealJob {
  return { suite: suite.name, info, plaintext, publicKeys: recipients.map(({ publicKey }) => publicKey) };
}

test("messages to many recipients are encrypted in their order, with each one's plaintext", async () => {
  const recipients = pairs(100);
  const secrets = [suite.random(32), suite.random(32)];
  const messages = recipients.map(({ publicKey }, index) => ({ publicKey, plaintext: secrets[index < 70 ? 0 : 1] ?? NO_DATA }));
  for (const thread of sealThreads()) await thread.ready;
  const sealed = await suite.hpkeSealAll?.(messages, info);
  const opened = recipients.map(({ privateKey }, index) => sealed?.[index] && suite.hpkeOpen(privateKey, info, NO_DATA, sealed[index]));
  expect(opened).toEqual(messages.map(({ plaintext }) => plaintext));
});

test("a malformed public key among many is an error", async () => {
  for (const thread of sealThreads()) await thread.ready;
  const plaintext = suite.random(32);
  const messages = pairs(100).map(({ publicKey }, index) => ({ publicKey: index === 50 ? publicKey.slice(1) : publicKey, plaintext }));
  await expect(suite.hpkeSealAll?.(messages, info)).rejects.toMatchObject({ code: "malformed" });
});

test("a thread encrypts jobs, erases its copy of a plaintext that was sent, and goes on after a malformed key", async () => {
  const thread = new SealThread(new Worker(WORKER, { execArgv: [] }), () => undefined);
  const [alice, bob] = pairs(2) as [KeyPair, KeyPair];
  const plaintext = suite.random(32);
  const sent = plaintext.slice();
  const answers = [thread.seal(jobFor([alice, bob], sent)), thread.seal(jobFor([{ ...alice, publicKey: NO_DATA }], plaintext.slice()))];
  expect(sent).toEqual(new Uint8Array(32));
  const [sealed, failed] = await Promise.all(answers);
  expect(sealed?.[1] && suite.hpkeOpen(bob.privateKey, info, NO_DATA, sealed[1])).toEqual(plaintext);
  expect(failed).toBeUndefined();
});

test("jobs of a thread that can't start are reported as not done", async () => {
  let ended = 0;
  const thread = new SealThread(new Worker(new URL("missing.js", WORKER)), () => ended++);
  expect(await thread.seal(jobFor(pairs(1), suite.random(32)))).toBeUndefined();
  expect(await thread.seal(jobFor(pairs(1), suite.random(32)))).toBeUndefined();
  expect([thread.isRunning, ended]).toEqual([false, 1]);
});

import { expect, test } from "vitest";
import { createCipherSuite } from "../../src/crypto/create-cipher-suite.ts";
import { cipherSuites } from "../../src/crypto/suites.ts";
import type { LeafNode } from "../../src/tree/leaf-node.ts";
import { verifyLeaves } from "../../src/tree/leaf-signature.ts";
import { portableSuite } from "../cipher-suites.ts";
import { newClient } from "./clients.ts";

test.each(cipherSuites)("a signature of %s has one result in this thread and in another", async (name) => {
  const suite = createCipherSuite(name);
  const { privateKey, publicKey } = suite.generateSignatureKeyPair();
  const message = suite.random(100);
  const signature = suite.sign(privateKey, message);
  const altered = signature.slice();
  altered[3] = (altered[3] ?? 0) ^ 1;
  const cases = [
    [publicKey, message, signature],
    [publicKey, message, altered],
    [publicKey, suite.random(100), signature],
    [publicKey.slice(1), message, signature],
    [publicKey.map((byte, index) => (index === 0 ? byte : 255)), message, signature],
    [publicKey, message, signature.slice(1)],
  ] as const;
  const { verifyInBackground = () => Promise.reject(new Error("The suite has no threads")) } = suite;
  const results = await Promise.all(cases.map(([key, data, signed]) => verifyInBackground(key, data, signed)));
  expect(results).toEqual([true, false, false, false, false, false]);
  expect(cases.map(([key, data, signed]) => suite.verify(key, data, signed))).toEqual(results);
});

test.each([
  ["node", createCipherSuite()],
  ["portable", portableSuite()],
] as const)("the signatures of many leaves are verified in their order, %s", async (_, suite) => {
  const { env, own } = await newClient("0");
  const { leaf } = own.keyPackage;
  const forged: LeafNode = { ...leaf, signature: new Uint8Array(64) };
  const leaves = Array.from({ length: 50 }, (__, index) => [index, index === 7 || index === 40 ? forged : leaf] as const);
  const results: boolean[] = [];
  for (const isValid of verifyLeaves({ ...env, suite }, leaves, new Uint8Array())) results.push(await isValid);
  expect(results.flatMap((isValid, index) => (isValid ? [] : [index]))).toEqual([7, 40]);
  expect(results).toHaveLength(50);
});

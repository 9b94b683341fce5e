import { createWebCrypto } from "../../src/crypto/create-crypto.ts";
import type { MlsCrypto } from "../../src/crypto/mls-crypto.ts";
import { suiteName } from "../../src/crypto/suites.ts";
import { createNodeCrypto } from "../../src/node/node-crypto.ts";

/** The suites of RFC 9420, which both providers do by themselves. */
export const CLASSICAL = [1, 2, 3, 4, 5, 6, 7] as const;

export const PROVIDERS = [
  ["node", createNodeCrypto],
  ["web", createWebCrypto],
] as const;

/** Both providers of a suite, by its number. */
export async function bothProviders(id: number): Promise<{ readonly node: MlsCrypto; readonly web: MlsCrypto }> {
  const name = suiteName(id);
  if (name === undefined) throw new TypeError(`No suite has the number ${id}`);
  return { node: await createNodeCrypto(name), web: await createWebCrypto(name) };
}

import type { CipherSuite } from "../../src/crypto/cipher-suite.ts";
import { nameOf, nodeSuite, portableSuite } from "../cipher-suites.ts";

/** The numbers of all suites of RFC 9420. */
export const SUITES = [1, 2, 3, 4, 5, 6, 7] as const;

export const PROVIDERS = [
  ["node", nodeSuite],
  ["portable", portableSuite],
] as const;

/** Both implementations of a suite, by its number. */
export function bothProviders(id: number): { readonly node: CipherSuite; readonly portable: CipherSuite } {
  return { node: nodeSuite(nameOf(id)), portable: portableSuite(nameOf(id)) };
}

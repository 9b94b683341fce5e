import * as node from "node:crypto";
import type { CipherSuite } from "../src/crypto/cipher-suite.ts";
import { assembleCipherSuite } from "../src/crypto/create-cipher-suite.ts";
import { nativePrimitives } from "../src/crypto/native/primitives.ts";
import { portablePrimitives } from "../src/crypto/portable/primitives.ts";
import { DEFAULT_SUITE, suiteName, type CipherSuiteName } from "../src/crypto/suites.ts";

/** A cipher suite on node:crypto. */
export function nodeSuite(name: CipherSuiteName = DEFAULT_SUITE): CipherSuite {
  return assembleCipherSuite(name, nativePrimitives(node));
}

/** A cipher suite in JavaScript, as browsers have it. */
export function portableSuite(name: CipherSuiteName = DEFAULT_SUITE): CipherSuite {
  return assembleCipherSuite(name, portablePrimitives);
}

/** The name of the suite with this number on the wire. */
export function nameOf(id: number): CipherSuiteName {
  const name = suiteName(id);
  if (name === undefined) throw new TypeError(`No cipher suite has the number ${id}`);
  return name;
}

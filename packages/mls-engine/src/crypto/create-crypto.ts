import type { CiphersuiteName } from "ts-mls";
import { createHandshakeCrypto } from "./handshake.ts";
import { createMessageCrypto } from "./message-crypto.ts";
import type { MlsCrypto } from "./mls-crypto.ts";
import { mlDsa87 } from "./ml-dsa.ts";
import { nativePrimitives } from "./native/primitives.ts";
import type { NodeCrypto } from "./native/node-module.ts";
import { portablePrimitives } from "./portable/primitives.ts";
import { createPostQuantumHandshake } from "./post-quantum.ts";
import type { Primitives } from "./primitives.ts";
import { isClassical, suiteOf } from "./suites.ts";

/** The suite that every implementation of MLS has. */
export const DEFAULT_SUITE: CiphersuiteName = "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519";

/**
 * The cryptography of a cipher suite, by the fastest means of this runtime: node:crypto on Node, JavaScript elsewhere.
 * Both may be members of one group.
 *
 * The post-quantum suites need optional packages; the error names them.
 *
 * @throws MlsError `crypto_unavailable`
 */
export async function createCrypto(suite: CiphersuiteName = DEFAULT_SUITE): Promise<MlsCrypto> {
  const node = nodeCrypto();
  return node === undefined ? createWebCrypto(suite) : createNativeCrypto(node, suite);
}

/**
 * The cryptography of a cipher suite in JavaScript, for every runtime.
 *
 * @throws MlsError `crypto_unavailable`
 */
export function createWebCrypto(suite: CiphersuiteName = DEFAULT_SUITE): Promise<MlsCrypto> {
  return assemble(suite, portablePrimitives);
}

/** The cryptography of a cipher suite on a given node:crypto. */
export function createNativeCrypto(node: NodeCrypto, suite: CiphersuiteName): Promise<MlsCrypto> {
  return assemble(suite, nativePrimitives(node));
}

async function assemble(name: CiphersuiteName, primitives: Primitives): Promise<MlsCrypto> {
  const suite = suiteOf(name);
  const signature = suite.signature === "ML-DSA-87" ? await mlDsa87() : primitives.signature(suite.signature);
  return {
    suite: name,
    messages: createMessageCrypto(suite, primitives, signature),
    handshake: isClassical(suite)
      ? createHandshakeCrypto(suite, primitives, signature)
      : await createPostQuantumHandshake(suite, primitives, signature),
  };
}

/** Node's own module, without an import that a browser's bundler would have to resolve. Other runtimes only imitate parts of it. */
function nodeCrypto(): NodeCrypto | undefined {
  const { process } = globalThis as { process?: Partial<NodeJS.Process> };
  if (process?.release?.name !== "node" || process.versions?.["bun"] !== undefined || process.versions?.["deno"] !== undefined) {
    return undefined;
  }
  return process.getBuiltinModule?.("node:crypto");
}

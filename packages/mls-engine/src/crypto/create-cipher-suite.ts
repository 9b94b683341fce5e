import { MlsEngineError } from "../errors.ts";
import type { CipherSuite, KeyPair } from "./cipher-suite.ts";
import { createHkdf } from "./hkdf.ts";
import { createHpke } from "./hpke.ts";
import type { NodeCrypto } from "./native/node-module.ts";
import { nativePrimitives } from "./native/primitives.ts";
import { sealInThreads } from "./native/seal-in-threads.ts";
import { portablePrimitives } from "./portable/primitives.ts";
import type { DhPrivateKey, Primitives } from "./primitives.ts";
import { algorithmsOf, DEFAULT_SUITE, type CipherSuiteName } from "./suites.ts";

/**
 * Creates a cipher suite with the fastest implementation of this runtime: node:crypto on Node, JavaScript elsewhere. Members of one group
 * may use different implementations.
 *
 * @throws MlsEngineError `crypto_unavailable`
 * @example
 * ```ts
 * import { createCipherSuite, createMlsEngine, memoryStore, unsafeAcceptAnyCredential } from "@parley/mls-engine";
 *
 * const cipherSuite = createCipherSuite("MLS_256_DHKEMP521_AES256GCM_SHA512_P521");
 * await createMlsEngine({ identity: "alice", store: memoryStore(), authenticate: unsafeAcceptAnyCredential, cipherSuite });
 * ```
 */
export function createCipherSuite(name: CipherSuiteName = DEFAULT_SUITE): CipherSuite {
  const node = nodeCrypto();
  if (node === undefined) return assembleCipherSuite(name, portablePrimitives);
  const suite = assembleCipherSuite(name, nativePrimitives(node));
  return { ...suite, hpkeSealAll: (messages, info) => sealInThreads(suite, messages, info) };
}

/** A cipher suite over the given primitives. */
export function assembleCipherSuite(name: CipherSuiteName, primitives: Primitives): CipherSuite {
  const algorithms = algorithmsOf(name);
  const digest = primitives.digest(algorithms.hash);
  const aead = primitives.aead(algorithms.aead);
  const signature = primitives.signature(algorithms.signature);
  const group = primitives.dh(algorithms.dh);
  const kdf = createHkdf(digest);
  const hpke = createHpke(algorithms, group, kdf, aead, primitives.random);
  return {
    name,
    id: algorithms.id,
    hashLength: digest.length,
    keyLength: aead.keyLength,
    nonceLength: aead.nonceLength,
    hash: digest.digest,
    mac: digest.mac,
    extract: kdf.extract,
    expand: kdf.expand,
    seal: aead.seal,
    open: aead.open,
    sign: signature.sign,
    verify: signature.verify,
    ...(signature.verifyInBackground && { verifyInBackground: signature.verifyInBackground }),
    generateSignatureKeyPair: signature.generate,
    generateKeyPair: () => pairOf(hpke.generateKeyPair()),
    deriveKeyPair: (input) => pairOf(hpke.deriveKeyPair(input)),
    hpkeSeal: (publicKey, info, aad, plaintext) => {
      const sealed = hpke.seal(publicKey, info, aad, plaintext);
      if (sealed === undefined) throw new MlsEngineError("malformed", `The public key is not one of ${name}`);
      return sealed;
    },
    hpkeOpen: (privateKey, info, aad, ciphertext) => {
      const key = group.importPrivate(privateKey);
      return key && hpke.open(key, info, aad, ciphertext);
    },
    random: primitives.random,
  };
}

function pairOf({ raw, publicKey }: DhPrivateKey): KeyPair {
  return { privateKey: raw, publicKey };
}

/** Node's own module, without an import that a browser's bundler would have to resolve. Bun and Deno implement only parts of it. */
function nodeCrypto(): NodeCrypto | undefined {
  const { process } = globalThis as { process?: Partial<NodeJS.Process> };
  if (process?.release?.name !== "node" || process.versions?.["bun"] !== undefined || process.versions?.["deno"] !== undefined) {
    return undefined;
  }
  return process.getBuiltinModule?.("node:crypto");
}

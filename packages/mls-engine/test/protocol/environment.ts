import type { Environment } from "../../src/epoch/environment.ts";
import type { Signer } from "../../src/join/key-package.ts";
import { createPause } from "../../src/epoch/pause.ts";
import type { PskId } from "../../src/codec/structures.ts";
import type { MlsCrypto } from "../../src/crypto/mls-crypto.ts";
import { suiteName } from "../../src/crypto/suites.ts";
import { createNodeCrypto } from "../../src/node/node-crypto.ts";

/** What the protocol needs, with a suite by its number, and every credential accepted. */
export async function environment(
  suite: number,
  signer: Signer,
  findPsk: (id: PskId) => Uint8Array | undefined = () => undefined,
): Promise<Environment> {
  const crypto = await cryptoOf(suite);
  return {
    suite: crypto.handshake,
    signer,
    authenticate: () => true,
    findPsk,
    limits: { maxMembers: 1024, maxLifetimeMs: 1e15, maxClockSkewMs: 0, strictLifetimes: false },
    now: Date.now,
    pause: createPause(),
  };
}

export function cryptoOf(suite: number): Promise<MlsCrypto> {
  const name = suiteName(suite);
  if (name === undefined) throw new TypeError(`No suite has the number ${suite}`);
  return createNodeCrypto(name);
}

export async function newSigner(suite: number, identity: string): Promise<Signer> {
  const none = {
    credential: { type: 1, content: new Uint8Array() },
    signatureKey: { publicKey: new Uint8Array(), privateKey: new Uint8Array() },
  };
  const env = await environment(suite, none);
  const { publicKey, signKey } = await env.suite.signature.keygen();
  return { credential: { type: 1, content: new TextEncoder().encode(identity) }, signatureKey: { publicKey, privateKey: signKey } };
}

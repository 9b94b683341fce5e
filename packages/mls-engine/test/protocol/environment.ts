import type { Environment } from "../../src/epoch/environment.ts";
import type { Signer } from "../../src/join/key-package.ts";
import { createPause } from "../../src/epoch/pause.ts";
import type { PskId } from "../../src/codec/structures.ts";
import { nameOf, nodeSuite } from "../cipher-suites.ts";

/** An environment with a suite by its number, that accepts every credential. */
export function environment(suite: number, signer: Signer, findPsk: (id: PskId) => Uint8Array | undefined = () => undefined): Environment {
  return {
    suite: nodeSuite(nameOf(suite)),
    signer,
    authenticate: () => true,
    findPsk,
    limits: { maxMembers: 1024, maxLifetimeMs: 1e15, maxClockSkewMs: 0, strictLifetimes: false },
    now: Date.now,
    pause: createPause(),
  };
}

export function newSigner(suite: number, identity: string): Signer {
  const credential = { type: 1, content: new TextEncoder().encode(identity) };
  return { credential, signatureKey: nodeSuite(nameOf(suite)).generateSignatureKeyPair() };
}

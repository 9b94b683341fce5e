import { generateKeyPairSync, type KeyObject } from "node:crypto";
import type { SigningKeys } from "../../src/audit/head-signer.ts";

/** Signing keys of any DIDs. */
export class SigningDids implements SigningKeys {
  readonly #keys = new Map<string, KeyObject>();

  privateKey(did: string): Promise<KeyObject> {
    const key = this.#keys.get(did) ?? generateKeyPairSync("ed25519").privateKey;
    this.#keys.set(did, key);
    return Promise.resolve(key);
  }
}

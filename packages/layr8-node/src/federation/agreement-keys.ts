import type { KeyObject } from "node:crypto";
import { nodeHoldsKeys } from "../credentials/hosted-resolver.ts";
import { BoundedMap } from "./bounded-map.ts";

/** Where the keys of hosted DIDs are. */
export interface HostedKeys {
  has(did: string): boolean;
  privateKey(did: string, purpose: "agreement"): Promise<KeyObject | undefined>;
}

const FRAGMENT = "#agreement";
/** Keys that are kept decrypted and imported. */
const MAX_KEYS = 10_000;

/** The private keys with which the node decrypts and encrypts for its DIDs, by the ids that their documents give them. */
export class AgreementKeys {
  readonly #hosted: HostedKeys;
  readonly #keys = new BoundedMap<string, KeyObject>(MAX_KEYS);

  constructor(hosted: HostedKeys) {
    this.#hosted = hosted;
  }

  /** `undefined` for keys that are not the node's. @throws StorageError */
  async find(kid: string): Promise<KeyObject | undefined> {
    const did = kid.slice(0, -FRAGMENT.length);
    if (!kid.endsWith(FRAGMENT) || !this.#hosted.has(did) || !nodeHoldsKeys(did)) return undefined;
    const known = this.#keys.get(did);
    if (known !== undefined) return known;
    const key = await this.#hosted.privateKey(did, "agreement");
    // It may have gone meanwhile.
    if (key !== undefined && this.#hosted.has(did)) this.#keys.set(did, key);
    return key;
  }

  /** Forgets the key of a DID that is no longer hosted: one that comes after it has another. */
  forget(did: string): void {
    this.#keys.delete(did);
  }
}

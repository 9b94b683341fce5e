import type { KeyObject } from "node:crypto";
import { nodeHoldsKeys } from "../network/hosted-resolver.ts";
import { BoundedMap } from "./bounded-map.ts";

/** Source of the keys of hosted DIDs. */
export interface HostedKeys {
  has(did: string): boolean;
  privateKey(did: string, purpose: "agreement"): Promise<KeyObject | undefined>;
}

const FRAGMENT = "#agreement";
/** Keys cached decrypted and imported. */
const MAX_KEYS = 10_000;

/** Finds the private keys with which the node encrypts and decrypts for its DIDs, by key id. Caches them. */
export class AgreementKeys {
  readonly #hosted: HostedKeys;
  readonly #keys = new BoundedMap<string, KeyObject>(MAX_KEYS);

  constructor(hosted: HostedKeys) {
    this.#hosted = hosted;
  }

  /**
   * Returns `undefined` for keys that the node doesn't hold.
   *
   * @throws StorageError
   */
  async find(kid: string): Promise<KeyObject | undefined> {
    const did = kid.slice(0, -FRAGMENT.length);
    if (!kid.endsWith(FRAGMENT) || !nodeHoldsKeys(did)) return undefined;
    const known = this.#keys.get(did);
    if (known !== undefined && this.#hosted.has(did)) return known;
    const key = await this.#hosted.privateKey(did, "agreement");
    // The DID may have been removed while its key was read.
    if (key !== undefined && this.#hosted.has(did)) this.#keys.set(did, key);
    return key;
  }

  /** Drops the key of a DID that is no longer hosted. A later DID of the same name has a new key. */
  forget(did: string): void {
    this.#keys.delete(did);
  }
}

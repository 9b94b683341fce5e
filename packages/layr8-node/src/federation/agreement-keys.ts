import type { KeyObject } from "node:crypto";
import { nodeHoldsKeys } from "../network/hosted-resolver.ts";

/** Source of the keys of hosted DIDs. */
export interface HostedKeys {
  privateKey(did: string, purpose: "agreement"): Promise<KeyObject | undefined>;
}

const FRAGMENT = "#agreement";

/** Finds the private keys with which the node encrypts and decrypts for its DIDs, by key id. */
export class AgreementKeys {
  readonly #hosted: HostedKeys;

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
    return kid.endsWith(FRAGMENT) && nodeHoldsKeys(did) ? this.#hosted.privateKey(did, "agreement") : undefined;
  }
}

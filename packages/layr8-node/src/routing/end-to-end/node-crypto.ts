import type { JsonObject } from "@parley/core";
import type { Unpacked } from "@parley/didcomm-crypto";

/** What a node does for agents that hold their keys themselves: it encrypts and decrypts where the other side's keys are at the node. */
export interface NodeCrypto {
  /** Whether the agent of a hosted DID holds its keys itself. */
  keysAtAgent(did: string): boolean;
  /** Whether the node holds the keys of a hosted DID. */
  keysAtNode(did: string): boolean;
  /**
   * Decrypts an envelope for a DID whose keys the node holds.
   *
   * @throws DidcommCryptoError; StorageError
   */
  open(envelope: JsonObject): Promise<Unpacked>;
  /**
   * Encrypts a plaintext of a DID whose keys the node holds, for an agent that holds its keys itself.
   *
   * @throws DidcommCryptoError; TypeError; StorageError
   */
  seal(plaintext: string, from: string, to: string): Promise<string>;
}

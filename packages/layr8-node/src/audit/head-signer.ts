import { createPublicKey, type KeyObject } from "node:crypto";
import { type AuditCut, type AuditHead, type AuditKey, signHead } from "@parley/audit";
import { BoundedMap } from "../bounded-map.ts";

/** Source of the keys of hosted DIDs. */
export interface SigningKeys {
  privateKey(did: string, purpose: "signing"): Promise<KeyObject | undefined>;
}

/** The key of an agent. */
interface AgentKey {
  readonly private: KeyObject;
  readonly public: AuditKey;
}

const KEY_BYTES = 32;
/** Keys and heads that are kept in memory. */
const MAX_KEPT = 10_000;

/** Signs heads and cuts of chains with the keys of their agents. */
export class HeadSigner {
  readonly #dids: SigningKeys;
  readonly #keys = new BoundedMap<string, AgentKey>(MAX_KEPT);
  /** The latest heads for other parties. */
  readonly #heads = new BoundedMap<string, { readonly hash: string; readonly jws: string }>(MAX_KEPT);

  constructor(dids: SigningKeys) {
    this.#dids = dids;
  }

  /** The public key of an agent; `undefined` if it is not hosted here. @throws StorageError */
  async publicKey(agent: string): Promise<AuditKey | undefined> {
    return (await this.#keyOf(agent))?.public;
  }

  /** Signs a head. @throws StorageError */
  async head(head: AuditHead): Promise<string | undefined> {
    const key = await this.#keyOf(head.agent);
    return key && signHead("head", head, key.private, keyId(head.agent));
  }

  /** A head without its number, for other parties. Signed once for each entry. @throws StorageError */
  async headForPeers({ agent, hash, time }: AuditHead): Promise<string | undefined> {
    const known = this.#heads.get(agent);
    if (known?.hash === hash) return known.jws;
    const jws = await this.head({ agent, hash, time });
    if (jws !== undefined) this.#heads.set(agent, { hash, jws });
    return jws;
  }

  /** Signs a cut. @throws StorageError */
  async cut(cut: AuditCut): Promise<string | undefined> {
    const key = await this.#keyOf(cut.agent);
    return key && signHead("cut", cut, key.private, keyId(cut.agent));
  }

  /** Drops what is kept of a DID that is no longer hosted. A later DID of the same name has a new key. */
  forget(agent: string): void {
    this.#keys.delete(agent);
    this.#heads.delete(agent);
  }

  async #keyOf(agent: string): Promise<AgentKey | undefined> {
    const known = this.#keys.get(agent);
    if (known !== undefined) return known;
    const privateKey = await this.#dids.privateKey(agent, "signing");
    if (privateKey === undefined) return undefined;
    // The raw key is the end of its DER encoding.
    const x = createPublicKey(privateKey).export({ type: "spki", format: "der" }).subarray(-KEY_BYTES).toString("base64url");
    const key: AgentKey = { private: privateKey, public: { kty: "OKP", crv: "Ed25519", x } };
    this.#keys.set(agent, key);
    return key;
  }
}

/** Id of the signing key in the document of a hosted DID. */
function keyId(did: string): string {
  return `${did}#signing`;
}

import { type GroupStore, type KeyPair, StoreError, type StorePartition } from "@parley/mls-engine";
import { TransportError } from "./errors.ts";
import { publicKeyOf, signWith } from "./invites/ed25519.ts";

const PARTITION = "channels/identity-key";
const ROW = "seed";
const SEED_BYTES = 32;

/** The signature key of an agent, by which the groups that it is in know it. */
export interface IdentityKey {
  /** For the engine, as its `signatureKey`. */
  readonly pair: KeyPair;
  /** Signs with it what isn't a message of MLS, such as an invite. The content must begin with a label of its own. */
  sign(content: Uint8Array): Uint8Array;
  /** Erases the private key. Nothing can be signed after that. */
  erase(): void;
}

/**
 * The key of a store; a new one is on disk before it is given. To be called before an engine is opened on the store.
 *
 * @throws StoreError `damaged`: the store has had a key, and lost it
 */
export async function loadIdentityKey(store: GroupStore): Promise<IdentityKey> {
  const partition = await store.open(PARTITION);
  try {
    const stored = partition.get(ROW);
    const seed = stored ?? crypto.getRandomValues(new Uint8Array(SEED_BYTES));
    if (stored === undefined) await checkNew(store, partition);
    if (stored === undefined) await partition.write([{ key: ROW, value: seed }], "durable");
    return keyOf(seed);
  } finally {
    await partition.close();
  }
}

function keyOf(seed: Uint8Array): IdentityKey {
  let isErased = false;
  return {
    pair: { publicKey: publicKeyOf(seed), privateKey: seed },
    sign: (content) => {
      if (isErased) throw new TransportError("closed", "the client is closed");
      return signWith(seed, content);
    },
    erase: () => {
      isErased = true;
      seed.fill(0);
    },
  };
}

/** A store that has lost its key gets no new one: its groups know the agent by the old one. */
async function checkNew(store: GroupStore, partition: StorePartition): Promise<void> {
  const others = (await store.partitions()).filter((name) => name !== PARTITION);
  if (partition.wasFound !== true && others.length === 0) return;
  throw new StoreError("damaged", "the data directory has lost the key of this agent: restore its files, or start with an empty one");
}

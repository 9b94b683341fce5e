import { type GroupStore, type KeyPair, StoreError, type StorePartition } from "@parley/mls-engine";
import { TransportError } from "./errors.ts";
import { publicKeyOf, signWith } from "./invites/ed25519.ts";

const PARTITION = "channels/identity-key";
const ROW = "seed";
const SEED_BYTES = 32;

/** The signature key of an agent, which identifies it in its groups. */
export interface IdentityKey {
  /** For the engine, as its `signatureKey`. */
  readonly pair: KeyPair;
  /** Signs content outside MLS, such as invite terms. The content must start with a unique label, so that it is never a valid MLS signature input. */
  sign(content: Uint8Array): Uint8Array;
  /** Erases the private key. Signing fails after that. */
  erase(): void;
}

/**
 * Loads the key of a store, or creates one and writes it durably. Called before an engine is opened on the store.
 *
 * @throws StoreError `damaged` if the store has lost its key
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

/** Rejects a store that has data but no key: a new key would not match its groups. */
async function checkNew(store: GroupStore, partition: StorePartition): Promise<void> {
  const others = (await store.partitions()).filter((name) => name !== PARTITION);
  if (partition.wasFound !== true && others.length === 0) return;
  throw new StoreError("damaged", "the data directory has lost the key of this agent: restore its files, or start with an empty one");
}

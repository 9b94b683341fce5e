import { KeyedMutex } from "@parley/core/internal";
import { DirectoryKeyStore } from "./directory-key-store.ts";
import type { KeyStore } from "./key-store.ts";
import { Keyring, nameOf } from "./keyring.ts";
import { Pins } from "./pins.ts";
import { ReplayGuard } from "./replay-guard.ts";

/** The keys and the memory of one DID in this process, for all of its clients. */
export interface HeldKeys {
  readonly keyring: Keyring;
  readonly pins: Pins;
  readonly guard: ReplayGuard;
}

/** An open key store. */
interface Opened {
  readonly store: KeyStore;
  /** By DID. */
  readonly held: Map<string, HeldKeys>;
}

/**
 * The users of one key store in this process. They share what is read from it, so that two clients of one DID don't overwrite each other's changes. A directory
 * is locked while it has users, so that no other process uses it.
 */
class SharedKeyStore {
  readonly #given: string | KeyStore;
  #users = 0;
  #opening: Promise<Opened> | undefined;
  #closing: Promise<void> = Promise.resolve();
  /** Keys are created one after the other. */
  readonly #creating = new KeyedMutex();

  constructor(given: string | KeyStore) {
    this.#given = given;
  }

  /** Opens the keys of a DID, and begins to use the store. @throws as `Keyring.open`; EndToEndError `key_store_in_use` */
  async hold(did: string | undefined): Promise<HeldKeys> {
    this.#users += 1;
    try {
      await this.#closing;
      this.#opening ??= this.#open();
      const opened = await this.#opening;
      return await this.#creating.run("", () => hold(opened, did));
    } catch (error) {
      await this.release();
      throw error;
    }
  }

  /** Ends one use. Earlier writes are on the disk when it resolves. */
  async release(): Promise<void> {
    this.#users -= 1;
    if (this.#users > 0) return;
    const opening = this.#opening;
    this.#opening = undefined;
    if (opening !== undefined) this.#closing = opening.then(close, ignore);
    await this.#closing;
  }

  async #open(): Promise<Opened> {
    const store = typeof this.#given === "string" ? await DirectoryKeyStore.open(this.#given) : this.#given;
    return { store, held: new Map() };
  }
}

export type { SharedKeyStore };

const directories = new Map<string, SharedKeyStore>();
const objects = new WeakMap<KeyStore, SharedKeyStore>();

/** The users of a key store. @param given an absolute path, or an object. */
export function sharedKeyStore(given: string | KeyStore): SharedKeyStore {
  const known = typeof given === "string" ? directories.get(given) : objects.get(given);
  if (known !== undefined) return known;
  const shared = new SharedKeyStore(given);
  if (typeof given === "string") directories.set(given, shared);
  else objects.set(given, shared);
  return shared;
}

async function hold({ store, held }: Opened, did: string | undefined): Promise<HeldKeys> {
  const known = did === undefined ? undefined : held.get(did);
  if (known !== undefined) return known;
  const keyring = await Keyring.open(store, did, Date.now());
  const same = held.get(keyring.did);
  if (same !== undefined) return same;
  const name = nameOf(keyring.did);
  const [pins, guard] = await Promise.all([
    Pins.open(store, { name: `${name}.pins`, did: keyring.did }),
    ReplayGuard.open(store, { name: `${name}.handled`, did: keyring.did }),
  ]);
  const keys = { keyring, pins, guard };
  held.set(keyring.did, keys);
  return keys;
}

async function close({ store, held }: Opened): Promise<void> {
  await Promise.all(Array.from(held.values(), ({ keyring, pins, guard }) => Promise.all([keyring.idle(), pins.idle(), guard.idle()])));
  if (store instanceof DirectoryKeyStore) await store.close();
}

function ignore(): void {}

import { createPrivateKey, createPublicKey, randomBytes, type KeyObject } from "node:crypto";
import { StorageError, type SealingKey } from "@parley/storage";
import { calculateJwkThumbprint, type JSONWebKeySet } from "jose";
import { KeyedMutex } from "@parley/core/internal";
import type { Registry } from "../registry/registry.ts";
import { transact } from "../registry/transaction.ts";
import { signingKeys, type SigningKeyRecord } from "./records.ts";

/** Options of {@link SigningKeys}. */
export interface SigningKeysOptions {
  readonly registry: Registry;
  /** Age at which a key is followed by a new one, in milliseconds. */
  readonly ttlMs: number;
  /** Longest life of what a key signs, in milliseconds. */
  readonly tokenTtlMs: number;
  readonly now: () => number;
  /** Encrypts the private keys. Without one they are stored as they are, for registries in memory. */
  readonly sealingKey?: SealingKey | undefined;
}

/** A key to sign with. */
export interface Signer {
  readonly kid: string;
  readonly key: KeyObject;
}

/** How long a new key is published before it signs: others keep the key set for a while. Milliseconds. */
const PUBLISH_AHEAD_MS = 5 * 60_000;
/** Clocks of other machines, in milliseconds. */
const TOLERANCE_MS = 60_000;
/** RFC 8410 §7: what stands before the 32 bytes of an Ed25519 private key in PKCS #8. */
const PKCS8_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");
/** Keys are few: one signs, one may follow, some are remembered. */
const MAX_KEYS = 100;

/**
 * The keys that sign tokens. A key is followed by a new one when it's old, and stays in the key set until all that it signed is void.
 */
export class SigningKeys {
  readonly #registry: Registry;
  readonly #options: SigningKeysOptions;
  readonly #lock = new KeyedMutex();
  /** Oldest first. */
  #records: readonly SigningKeyRecord[] = [];
  #signer: Signer | undefined;
  #sealingKey: SealingKey | undefined;

  private constructor(options: SigningKeysOptions) {
    this.#sealingKey = options.sealingKey;
    this.#registry = options.registry;
    this.#options = options;
  }

  /**
   * Reads the keys, and creates the first one if necessary.
   *
   * @throws StorageError `data_dir_unusable` when they are sealed with another key
   */
  static async open(options: SigningKeysOptions): Promise<SigningKeys> {
    const signingKeys = new SigningKeys(options);
    await signingKeys.#read();
    // A wrong key is detected before anything is written.
    for (const record of signingKeys.#records) signingKeys.#seedOf(record);
    await signingKeys.#sealOld();
    await signingKeys.maintain();
    return signingKeys;
  }

  /** The public keys (RFC 7517). */
  keySet(): JSONWebKeySet {
    return { keys: this.#records.map(({ kid, x }) => ({ kty: "OKP", crv: "Ed25519", x, kid, alg: "EdDSA", use: "sig" })) };
  }

  /** The key that signs now. */
  signer(): Signer {
    const now = this.#options.now();
    const published = this.#records.findLast(({ createdAt }) => createdAt + PUBLISH_AHEAD_MS <= now) ?? this.#records[0];
    if (published === undefined) throw new StorageError("data_dir_unusable", "The signing key is missing");
    if (this.#signer?.kid !== published.kid) this.#signer = { kid: published.kid, key: privateKey(this.#seedOf(published)) };
    return this.#signer;
  }

  /** Rotates an old key, and removes keys whose signatures have expired. Called by the server's sweep timer. */
  maintain(): Promise<void> {
    return this.#lock.run("keys", async () => {
      await this.#read();
      const now = this.#options.now();
      const newest = this.#records.at(-1);
      if (newest === undefined || newest.createdAt + this.#options.ttlMs <= now) await this.#add();
      for (const [index, { kid }] of this.#records.entries()) {
        const successor = this.#records[index + 1];
        const retiredAt = successor === undefined ? Infinity : successor.createdAt + PUBLISH_AHEAD_MS;
        if (retiredAt + this.#options.tokenTtlMs + TOLERANCE_MS <= now) await this.#forget(kid);
      }
      await this.#read();
    });
  }

  /**
   * Reads the keys again, which another process may have created or removed. Called once a minute: a new key is published for longer before
   * it signs.
   */
  refresh(): Promise<void> {
    return this.#lock.run("keys", () => this.#read());
  }

  /** Makes the next key now. It is published at once, and signs in 5 minutes. */
  rotate(): Promise<void> {
    return this.#lock.run("keys", async () => {
      await this.#add();
      await this.#read();
    });
  }

  /**
   * Seals all keys with another sealing key, in one commit.
   *
   * @throws StorageError `data_dir_unusable`, `storage_failed`: they are sealed as before
   */
  changeSealingKey(next: SealingKey): Promise<void> {
    return this.#lock.run("keys", async () => {
      await this.#read();
      await transact(this.#registry, async (transaction) => {
        for (const { kid } of this.#records) {
          const record = await transaction.get(signingKeys, kid);
          if (record?.sealed === undefined) continue;
          transaction.put(signingKeys, [kid], { ...record, sealed: next.seal(this.#seedOf(record), purposeOf(kid)) });
        }
      });
      this.#sealingKey = next;
      await this.#read();
    });
  }

  /**
   * Holds back changes of the keys while another process changes them. Resolves when running ones have ended.
   *
   * @returns a function that ends it: with the key that seals them now, the keys are read again.
   */
  hold(): Promise<(sealingKey: SealingKey | undefined) => Promise<void>> {
    return new Promise((resolve) => {
      void this.#lock.run(
        "keys",
        () =>
          new Promise<void>((release) => {
            resolve(async (sealingKey) => {
              this.#sealingKey = sealingKey;
              await this.#read().finally(release);
            });
          }),
      );
    });
  }

  async #read(): Promise<void> {
    const entries = await this.#registry.list(signingKeys.prefix, { limit: MAX_KEYS });
    this.#records = entries.map((entry) => signingKeys.of(entry)).toSorted((a, b) => a.createdAt - b.createdAt);
  }

  async #add(): Promise<void> {
    const seed = randomBytes(32);
    const { x = "" } = createPublicKey(privateKey(seed)).export({ format: "jwk" });
    const kid = await calculateJwkThumbprint({ kty: "OKP", crv: "Ed25519", x });
    const { now } = this.#options;
    const sealingKey = this.#sealingKey;
    const secret = sealingKey === undefined ? { d: seed.toString("base64url") } : { sealed: sealingKey.seal(seed, purposeOf(kid)) };
    const record: SigningKeyRecord = { kid, x, ...secret, createdAt: now() };
    await transact(this.#registry, async (transaction) => transaction.put(signingKeys, [kid], record));
  }

  /** Keys of a version that did not seal them. The unsealed bytes can remain in free pages of the file, so these keys are replaced. */
  async #sealOld(): Promise<void> {
    const sealingKey = this.#sealingKey;
    if (sealingKey === undefined) return;
    const old = this.#records.filter(({ d }) => d !== undefined);
    if (old.length === 0) return;
    for (const { kid } of old) {
      await transact(this.#registry, async (transaction) => {
        const record = await transaction.get(signingKeys, kid);
        if (record?.d === undefined) return;
        const { d, ...rest } = record;
        transaction.put(signingKeys, [kid], { ...rest, sealed: sealingKey.seal(Buffer.from(d, "base64url"), purposeOf(kid)) });
      });
    }
    await this.rotate();
  }

  #seedOf({ kid, d, sealed }: SigningKeyRecord): Uint8Array {
    if (d !== undefined) return Buffer.from(d, "base64url");
    const sealingKey = this.#sealingKey;
    if (sealed === undefined || sealingKey === undefined)
      throw new StorageError("data_dir_unusable", "A signing key is sealed, and the server key is missing");
    return sealingKey.open(sealed, purposeOf(kid));
  }

  async #forget(kid: string): Promise<void> {
    await transact(this.#registry, async (transaction) => {
      if ((await transaction.get(signingKeys, kid)) !== undefined) transaction.remove(signingKeys, kid);
    });
  }
}

/** Whether a sealing key opens a stored key. */
export function opensSigningKey({ kid, sealed }: SigningKeyRecord, sealingKey: SealingKey): boolean {
  if (sealed === undefined) return false;
  try {
    sealingKey.open(sealed, purposeOf(kid)).fill(0);
    return true;
  } catch {
    return false;
  }
}

function purposeOf(kid: string): string {
  return `skytale signing key ${kid}`;
}

function privateKey(seed: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: "der", type: "pkcs8" });
}

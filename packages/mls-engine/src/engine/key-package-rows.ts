import { decodeWhole, encode, Reader } from "../codec/codec.ts";
import { isLastResort, keyPackageReference, readKeyPackage, type KeyPackage } from "../join/key-package.ts";
import type { OwnKeyPackage } from "../join/join.ts";
import type { Suite } from "../crypto/labels.ts";
import type { Welcome } from "../join/welcome.ts";
import { MlsError } from "../errors.ts";
import type { StoreChange, StorePartition } from "../store/group-store.ts";

const PREFIX = "k/";
const JOIN_PREFIX = "join/";

/** The private halves of key packages that were given out, in the engine's partition. */
export class KeyPackageRows {
  readonly #suite: Suite;
  readonly #partition: StorePartition;

  constructor(suite: Suite, partition: StorePartition) {
    this.#suite = suite;
    this.#partition = partition;
  }

  /** Stores one before it is given out. */
  async add({ keyPackage, secrets }: OwnKeyPackage): Promise<void> {
    const { source } = keyPackage.leaf;
    const notAfter = source.kind === "key_package" ? source.lifetime.notAfter : 0n;
    const value = encode((w) => {
      w.u64(notAfter).vector(keyPackage.bytes).vector(secrets.initKey).vector(secrets.encryptionKey);
    });
    await this.#partition.write([{ key: PREFIX + (await this.#name(keyPackage)), value }], "durable");
    value.fill(0);
  }

  /** The one that a Welcome is for. */
  find(welcome: Welcome): { name: string; own: OwnKeyPackage } | undefined {
    for (const { newMember } of welcome.secrets) {
      const name = hex(newMember);
      const value = this.#partition.get(PREFIX + name);
      if (value) return { name, own: decode(value) };
    }
    return undefined;
  }

  /** Remembers that a key package is about to be used, so that it is removed whatever happens. */
  async beginJoin(name: string, groupPartition: string): Promise<void> {
    await this.#partition.write([{ key: JOIN_PREFIX + name, value: new TextEncoder().encode(groupPartition) }], "durable");
  }

  /** Removes a key package after the group that it led to is stored. One of last resort stays. */
  async endJoin(name: string): Promise<void> {
    const stored = this.#partition.get(PREFIX + name);
    const stays = stored === undefined || isLastResort(decode(stored).keyPackage);
    const rows: StoreChange[] = [{ key: JOIN_PREFIX + name, value: undefined }];
    if (!stays) rows.push({ key: PREFIX + name, value: undefined });
    stored?.fill(0);
    await this.#partition.write(rows, "durable");
    if (!stays) await this.#partition.compact();
  }

  async cancelJoin(name: string): Promise<void> {
    await this.#partition.write([{ key: JOIN_PREFIX + name, value: undefined }], "durable");
  }

  /** Joins that were begun and not ended. */
  openJoins(): { name: string; groupPartition: string }[] {
    return this.#partition.keys(JOIN_PREFIX).map((key) => ({
      name: key.slice(JOIN_PREFIX.length),
      groupPartition: new TextDecoder().decode(this.#partition.get(key)),
    }));
  }

  /** Erases those whose lifetime is over. */
  async removeExpired(nowMs: number): Promise<number> {
    const rows: StoreChange[] = [];
    for (const key of this.#partition.keys(PREFIX)) {
      const value = this.#partition.get(key);
      if (value === undefined) continue;
      if (notAfterOf(value) * 1000n < BigInt(Math.floor(nowMs))) rows.push({ key, value: undefined });
      value.fill(0);
    }
    if (rows.length > 0) {
      await this.#partition.write(rows, "durable");
      await this.#partition.compact();
    }
    return rows.length;
  }

  get count(): number {
    return this.#partition.keys(PREFIX).length;
  }

  async #name(keyPackage: KeyPackage): Promise<string> {
    return hex(await keyPackageReference(this.#suite, keyPackage));
  }
}

export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function decode(value: Uint8Array): OwnKeyPackage {
  try {
    return decodeWhole(value.slice(), (r) => {
      r.u64();
      const keyPackage = decodeWhole(r.vector(), readKeyPackage);
      return { keyPackage, secrets: { initKey: r.vector(), encryptionKey: r.vector() } };
    });
  } catch (cause) {
    throw new MlsError("state_damaged", "A stored key package can't be read", { cause });
  }
}

/** The end of its lifetime stands first, so that it is found without reading the rest. */
function notAfterOf(value: Uint8Array): bigint {
  return new Reader(value).u64();
}

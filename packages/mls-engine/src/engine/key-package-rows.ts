import { toHex } from "../codec/bytes.ts";
import { Reader, decodeWhole } from "../codec/reader.ts";
import { encode } from "../codec/writer.ts";
import type { CipherSuite } from "../crypto/cipher-suite.ts";
import { isLastResort, keyPackageReference, readKeyPackage, type OwnKeyPackage } from "../join/key-package.ts";
import type { Welcome } from "../join/welcome.ts";
import { MlsEngineError } from "../errors.ts";
import type { StoreChange, StorePartition } from "../store/group-store.ts";

const PREFIX = "k/";
const JOIN_PREFIX = "join/";

/**
 * The private keys of published key packages, in the engine's partition.
 *
 * Joining writes to two partitions. A join record in the engine's partition makes the two writes one step: after a crash, the engine either
 * removes the used key package or keeps it, depending on whether the group was stored.
 */
export class KeyPackageRows {
  readonly #suite: CipherSuite;
  readonly #partition: StorePartition;

  constructor(suite: CipherSuite, partition: StorePartition) {
    this.#suite = suite;
    this.#partition = partition;
  }

  /** Stores a key package. Called before it is published. */
  async add({ keyPackage, secrets }: OwnKeyPackage): Promise<void> {
    const { source } = keyPackage.leaf;
    const notAfter = source.kind === "key_package" ? source.lifetime.notAfter : 0n;
    const value = encode((w) => {
      w.u64(notAfter).vector(keyPackage.bytes).vector(secrets.initKey).vector(secrets.encryptionKey);
    });
    await this.#partition.write([{ key: PREFIX + toHex(keyPackageReference(this.#suite, keyPackage)), value }], "durable");
    value.fill(0);
  }

  /** The key package that a Welcome is encrypted to. */
  find(welcome: Welcome): { name: string; own: OwnKeyPackage } | undefined {
    for (const { newMember } of welcome.secrets) {
      const name = toHex(newMember);
      const value = this.#partition.get(PREFIX + name);
      if (value) return { name, own: decode(value) };
    }
    return undefined;
  }

  /** Records that a key package is about to be used. Called before the group is stored. */
  async beginJoin(name: string, groupPartition: string): Promise<void> {
    await this.#partition.write([{ key: JOIN_PREFIX + name, value: new TextEncoder().encode(groupPartition) }], "durable");
  }

  /** Removes a used key package, unless it is one of last resort. Called when the group is stored. */
  async endJoin(name: string): Promise<void> {
    const stored = this.#partition.get(PREFIX + name);
    const stays = stored === undefined || isLastResort(decode(stored).keyPackage);
    const rows: StoreChange[] = [{ key: JOIN_PREFIX + name, value: undefined }];
    if (!stays) rows.push({ key: PREFIX + name, value: undefined });
    stored?.fill(0);
    await this.#partition.write(rows, "durable");
    if (!stays) await this.#partition.compact();
  }

  /** Removes the record of a join that was not completed. The key package stays usable. */
  async cancelJoin(name: string): Promise<void> {
    await this.#partition.write([{ key: JOIN_PREFIX + name, value: undefined }], "durable");
  }

  /** The recorded joins. Called when the engine starts, after a possible crash. */
  openJoins(): { name: string; groupPartition: string }[] {
    return this.#partition.keys(JOIN_PREFIX).map((key) => ({
      name: key.slice(JOIN_PREFIX.length),
      groupPartition: new TextDecoder().decode(this.#partition.get(key)),
    }));
  }

  /** Erases the expired key packages. Called on start and for each new key package. */
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
}

function decode(value: Uint8Array): OwnKeyPackage {
  try {
    return decodeWhole(value.slice(), (r) => {
      r.u64();
      const keyPackage = decodeWhole(r.vector(), readKeyPackage);
      return { keyPackage, secrets: { initKey: r.vector(), encryptionKey: r.vector() } };
    });
  } catch (cause) {
    throw new MlsEngineError("state_damaged", "A stored key package is damaged", { cause });
  }
}

/** The end of the lifetime is the first field of a row. */
function notAfterOf(value: Uint8Array): bigint {
  return new Reader(value).u64();
}

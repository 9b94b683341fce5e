import type { JsonObject } from "@parley/core";
import { DEFAULT_LIMITS } from "../vc-limits.ts";
import { CONTEXT_V2 } from "../model/context.ts";
import { VcError } from "../vc-error.ts";
import { Bitstring, MIN_ENTRIES } from "./bitstring.ts";

/** The purpose and the URL of a status list. */
export interface StatusListInit {
  /** URL at which the status list credential is published. */
  readonly id: string;
  /** The meaning of a set status: permanently revoked, or temporarily suspended. */
  readonly statusPurpose: "revocation" | "suspension";
  /** Number of entries, rounded up to whole bytes. Default and minimum 131072. */
  readonly length?: number;
}

/** Optional members of a status list credential. */
export interface StatusListCredentialInit {
  /** Default: signing fills in the DID of the key. */
  readonly issuer?: string;
  /** A `dateTimeStamp`; likewise `validUntil`. */
  readonly validFrom?: string;
  readonly validUntil?: string;
  /** Milliseconds for which verifiers may cache the list. */
  readonly ttl?: number;
}

/**
 * A W3C Bitstring Status List, managed by an issuer: one bit for each credential, published as a credential itself.
 *
 * Assign indexes at random, so that they do not reveal the order of issuance.
 *
 * @see {@link https://www.w3.org/TR/vc-bitstring-status-list/ | Bitstring Status List v1.0}
 *
 * @example
 * ```ts
 * import { BitstringStatusList, signCredential, type SigningKey } from "@parley/vc";
 *
 * const list = BitstringStatusList.create({ id: "https://issuer.example/status/1", statusPurpose: "revocation" });
 *
 * function publish(key: SigningKey): Promise<string> {
 *   list.set(94567, true);
 *   return list.toCredential({ ttl: 60_000 }).then((credential) => signCredential(credential, { key }));
 * }
 * ```
 */
export class BitstringStatusList {
  /** URL of the list's credential. */
  readonly id: string;
  /** The meaning of a set status. */
  readonly statusPurpose: "revocation" | "suspension";
  readonly #bits: Bitstring;

  private constructor({ id, statusPurpose }: StatusListInit, bits: Bitstring) {
    this.id = id;
    this.statusPurpose = statusPurpose;
    this.#bits = bits;
  }

  /**
   * Creates a list in which no status is set.
   *
   * @throws TypeError if `length` is out of range.
   */
  static create(init: StatusListInit): BitstringStatusList {
    const { length = MIN_ENTRIES } = init;
    const max = DEFAULT_LIMITS.maxStatusListBytes * 8;
    if (!Number.isInteger(length) || length < MIN_ENTRIES || length > max) {
      throw new TypeError(`The length of a status list must be an integer from ${MIN_ENTRIES} to ${max}`);
    }
    return new BitstringStatusList(init, new Bitstring(new Uint8Array(Math.ceil(length / 8))));
  }

  /**
   * Restores a list from the output of {@link BitstringStatusList.encode}.
   *
   * @throws VcError `status_invalid`, `too_large`
   */
  static async decode(encodedList: string, init: Omit<StatusListInit, "length">): Promise<BitstringStatusList> {
    const bits = await Bitstring.decode(encodedList, DEFAULT_LIMITS.maxStatusListBytes);
    if (bits.length < MIN_ENTRIES) throw new VcError("status_invalid", `The status list has fewer than ${MIN_ENTRIES} entries`);
    return new BitstringStatusList(init, bits);
  }

  /** Number of entries. */
  get length(): number {
    return this.#bits.length;
  }

  /**
   * Whether the status of an index is set: revoked or suspended.
   *
   * @throws RangeError if the list has no such index.
   */
  get(index: number): boolean {
    return this.#bits.read(this.#checkIndex(index)) === 1;
  }

  /**
   * Sets or clears the status of an index. Verifiers see the change when they next fetch the published credential.
   *
   * @throws RangeError if the list has no such index.
   */
  set(index: number, on: boolean): void {
    this.#bits.set(this.#checkIndex(index), on);
  }

  /** The list in the format of `encodedList`: multibase base64url of the gzip of the bits. */
  encode(): Promise<string> {
    return this.#bits.encode();
  }

  /** The credential to sign and publish at the list's `id`. */
  async toCredential({ issuer, validFrom, validUntil, ttl }: StatusListCredentialInit = {}): Promise<
    JsonObject & { readonly credentialSubject: JsonObject }
  > {
    return {
      "@context": [CONTEXT_V2],
      id: this.id,
      type: ["VerifiableCredential", "BitstringStatusListCredential"],
      ...(issuer !== undefined && { issuer }),
      ...(validFrom !== undefined && { validFrom }),
      ...(validUntil !== undefined && { validUntil }),
      credentialSubject: {
        id: `${this.id}#list`,
        type: "BitstringStatusList",
        statusPurpose: this.statusPurpose,
        encodedList: await this.encode(),
        ...(ttl !== undefined && { ttl }),
      },
    };
  }

  /**
   * The `credentialStatus` of the credential with this index.
   *
   * @throws RangeError if the list has no such index.
   */
  statusEntry(index: number): JsonObject {
    return {
      id: `${this.id}#${this.#checkIndex(index)}`,
      type: "BitstringStatusListEntry",
      statusPurpose: this.statusPurpose,
      statusListIndex: String(index),
      statusListCredential: this.id,
    };
  }

  #checkIndex(index: number): number {
    if (!Number.isInteger(index) || index < 0 || index >= this.length)
      throw new RangeError(`The status list has no index ${index}: valid indexes are 0 to ${this.length - 1}`);
    return index;
  }
}

import type { JsonObject } from "@parley/core";
import { DEFAULT_LIMITS } from "../limits.ts";
import { CONTEXT_V2 } from "../model/context.ts";
import { VcError } from "../vc-error.ts";
import { Bitstring, MIN_ENTRIES } from "./bitstring.ts";

/** What a list is about, and where it is published. */
export interface StatusListInit {
  /** URL at which the status list credential will be found. */
  readonly id: string;
  /** What it means that a status is set: revoked for good, or suspended for now. */
  readonly statusPurpose: "revocation" | "suspension";
  /** Entries, rounded up to whole bytes. Default and minimum 131072. */
  readonly length?: number;
}

/** Members of a status list credential besides those that the list brings itself. */
export interface StatusListCredentialInit {
  /** Absent, signing fills in the DID of the key. */
  readonly issuer?: string;
  /** `dateTimeStamp`, as is `validUntil`. */
  readonly validFrom?: string;
  readonly validUntil?: string;
  /** Milliseconds for which verifiers may keep the list. */
  readonly ttl?: number;
}

/**
 * A W3C Bitstring Status List for an issuer to keep: one bit for each credential, published as a credential itself.
 *
 * Give out indexes at random, so that they say nothing about the order of issuing.
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
  /** What it means that a status is set. */
  readonly statusPurpose: "revocation" | "suspension";
  readonly #bits: Bitstring;

  private constructor({ id, statusPurpose }: StatusListInit, bits: Bitstring) {
    this.id = id;
    this.statusPurpose = statusPurpose;
    this.#bits = bits;
  }

  /** A list in which every status is clear. */
  static create(init: StatusListInit): BitstringStatusList {
    const { length = MIN_ENTRIES } = init;
    const max = DEFAULT_LIMITS.maxStatusListBytes * 8;
    if (!Number.isInteger(length) || length < MIN_ENTRIES || length > max) {
      throw new TypeError(`A status list has a whole number of entries from ${MIN_ENTRIES} to ${max}`);
    }
    return new BitstringStatusList(init, new Bitstring(new Uint8Array(Math.ceil(length / 8))));
  }

  /**
   * The list that {@link BitstringStatusList.encode} wrote, for going on with it.
   *
   * @throws VcError `status_invalid`, `too_large`
   */
  static async decode(encodedList: string, init: Omit<StatusListInit, "length">): Promise<BitstringStatusList> {
    const bits = await Bitstring.decode(encodedList, DEFAULT_LIMITS.maxStatusListBytes);
    if (bits.length < MIN_ENTRIES) throw new VcError("status_invalid", `A status list has at least ${MIN_ENTRIES} entries`);
    return new BitstringStatusList(init, bits);
  }

  /** Number of entries. */
  get length(): number {
    return this.#bits.length;
  }

  /** Whether the status of an index is set: revoked or suspended. */
  get(index: number): boolean {
    return this.#bits.read(this.#checked(index)) === 1;
  }

  /** Sets or clears the status of an index. Verifiers learn of it when they fetch the credential anew. */
  set(index: number, on: boolean): void {
    this.#bits.set(this.#checked(index), on);
  }

  /** The list as `encodedList` has it: multibase base64url of the gzip of the bits. */
  encode(): Promise<string> {
    return this.#bits.encode();
  }

  /** The credential to sign and to publish at the list's `id`. */
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

  /** What a credential with this index has as its `credentialStatus`. */
  statusEntry(index: number): JsonObject {
    return {
      id: `${this.id}#${this.#checked(index)}`,
      type: "BitstringStatusListEntry",
      statusPurpose: this.statusPurpose,
      statusListIndex: String(index),
      statusListCredential: this.id,
    };
  }

  #checked(index: number): number {
    if (!Number.isInteger(index) || index < 0 || index >= this.length) throw new RangeError("The status list has no such index");
    return index;
  }
}

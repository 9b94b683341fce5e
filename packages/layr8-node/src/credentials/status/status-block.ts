import { decodeBase64url, encodeBase64url } from "@parley/core/internal";
import type { JsonObject } from "@parley/core";

/** The status that an issuer gives a credential. A revocation is final. */
export type CredentialState = "valid" | "suspended" | "revoked";

/** The purpose of a published list. */
export type ListPurpose = "revocation" | "suspension";

/** Entries of a status list: the least that the specification permits, so that an index does not identify the holder. */
export const LIST_ENTRIES = 131_072;
/** Entries of a block. */
export const BLOCK_ENTRIES = 512;

/** Name of the table that nodes share. */
export const SHARED_STATUS_LISTS = "statuslists";

/** Some entries of a status list, stored as one record: writes are small, and nodes that change different blocks do not disturb each other. */
export interface StatusBlock extends JsonObject {
  /** Id of the list. */
  readonly list: string;
  /** Position of the block in the list. */
  readonly block: number;
  /** DID of the issuer. */
  readonly issuer: string;
  /** One bit for each entry that belongs to a credential: base64url, first entry in the most significant bit. */
  readonly allocated: string;
  /** One bit for each revoked entry; absent without any. Likewise `suspended`. */
  readonly revoked?: string;
  readonly suspended?: string;
}

type BitField = "allocated" | "revoked" | "suspended";

/** Key of a block's record. */
export function keyOfBlock({ list, block }: Pick<StatusBlock, "list" | "block">): string {
  return `${list}/${block}`;
}

/** Whether the bit of an entry is set. */
export function hasBit(block: StatusBlock | undefined, field: BitField, entry: number): boolean {
  return ((bitsOf(block?.[field])[entry >> 3] ?? 0) & maskOf(entry)) !== 0;
}

/** A copy of a block in which the bit of an entry is set or cleared. */
export function withBit(block: StatusBlock, field: BitField, entry: number, on: boolean): StatusBlock {
  const bits = bitsOf(block[field]);
  bits[entry >> 3] = on ? (bits[entry >> 3] ?? 0) | maskOf(entry) : (bits[entry >> 3] ?? 0) & ~maskOf(entry);
  return { ...block, [field]: encodeBase64url(bits) };
}

/** The entries of a block whose bit is set. */
export function entriesWith(block: StatusBlock, field: BitField): readonly number[] {
  const bits = bitsOf(block[field]);
  return Array.from({ length: BLOCK_ENTRIES }, (_, entry) => entry).filter((entry) => ((bits[entry >> 3] ?? 0) & maskOf(entry)) !== 0);
}

function bitsOf(text: string | undefined): Uint8Array {
  const bits = new Uint8Array(BLOCK_ENTRIES / 8);
  if (text !== undefined) bits.set((decodeBase64url(text) ?? new Uint8Array()).subarray(0, bits.length));
  return bits;
}

function maskOf(entry: number): number {
  return 0x80 >> (entry % 8);
}

/** A record whose checksum does not match, or that can't be decoded. */
export interface DamagedRecord {
  readonly table: string;
  readonly key: Uint8Array;
  /** Length of the stored record, in bytes. */
  readonly bytes: number;
}

/** The module node:crypto. It is passed as a value, so that the modules that use it can be loaded in browsers. */
export type NodeCrypto = typeof import("node:crypto");

/** A Uint8Array over the memory of a Buffer, whose `slice` would not copy. */
export function plain(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}

export function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64url");
}

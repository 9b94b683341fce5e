/** The module node:crypto; handed in, so that browsers can load what uses it. */
export type NodeCrypto = typeof import("node:crypto");

/** The bytes of a Buffer, without Buffer's own idea of `slice`. */
export function plain(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}

export function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64url");
}

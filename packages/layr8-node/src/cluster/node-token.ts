/** A node's name as part of a subject. */
export function nodeToken(name: string): string {
  return Buffer.from(name).toString("base64url");
}

/**
 * The kind of a message. `application`: encrypted data. `commit`: a change of the group; the first valid commit of an epoch takes effect.
 * `proposal`: another handshake message. `welcome`: stored for its recipients, outside of the log.
 */
export type Kind = "application" | "commit" | "proposal" | "welcome";

const KINDS: readonly Kind[] = ["application", "commit", "proposal", "welcome"];

/** The number of a kind on the wire. */
export function kindNumber(kind: Kind): number {
  return KINDS.indexOf(kind) + 1;
}

/** The kind of a number on the wire; undefined if it is unknown to this version. */
export function kindOf(value: number): Kind | undefined {
  return KINDS[value - 1];
}

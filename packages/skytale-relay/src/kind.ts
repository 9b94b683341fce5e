/**
 * What a message is to the members of its channel. `application`: encrypted data. `commit`: a change of the group, of which the first valid
 * one of an epoch counts. `proposal`: another handshake message. `welcome`: kept for its recipients, outside of the log.
 */
export type Kind = "application" | "commit" | "proposal" | "welcome";

const KINDS: readonly Kind[] = ["application", "commit", "proposal", "welcome"];

/** The number that stands for a kind on the wire. */
export function kindNumber(kind: Kind): number {
  return KINDS.indexOf(kind) + 1;
}

/** The kind that a number on the wire stands for; undefined for one that is unknown here. */
export function kindOf(value: number): Kind | undefined {
  return KINDS[value - 1];
}

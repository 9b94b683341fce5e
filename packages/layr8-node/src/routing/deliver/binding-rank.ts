/**
 * The order in which connections were bound to a mailbox: the epoch of its node, and a number within it. Connections that move to another node keep
 * it, so that they take no protocol from a newer one.
 */
export type BindingRank = readonly [epoch: number, index: number];

/** Whether a connection was bound after another one. One without a rank is the latest. */
export function isLater(rank: BindingRank | undefined, than: BindingRank | undefined): boolean {
  if (rank === undefined || than === undefined) return true;
  return rank[0] === than[0] ? rank[1] > than[1] : rank[0] > than[0];
}

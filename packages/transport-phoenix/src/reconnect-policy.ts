/** How long a node may take to notice that our last link is gone. Phoenix drops a silent socket after 60 s. */
const STALE_BINDING_MS = 120_000;

/**
 * Whether a refused rejoin is to be tried again: right after a loss the node may still hold the DID for the link that broke, and
 * calls it bound. Any other refusal is final.
 */
export function isStaleBinding(reason: string, sinceLossMs: number): boolean {
  return reason.endsWith("already_bound") && sinceLossMs < STALE_BINDING_MS;
}

import { type AuditHead, isSignedBy, readHead } from "./head.ts";
import type { VerifiedChain } from "./verify-chain.ts";

/** The heads of one party that the other one has in its chain. */
export interface Witnesses {
  /** In the order of the chain that has them. */
  readonly all: readonly Witness[];
  /** Number of the first and of the last entry whose head is of an entry in the party's export; absent without any. */
  readonly first: number | undefined;
  readonly last: number | undefined;
}

/** A witnessed head. */
export interface Witness {
  /** Number of the entry that has it. */
  readonly seq: number;
  readonly head: AuditHead;
}

/** The heads of a party that are signed by its key, in the chain of the other party. */
export function witnessesOf({ header, key, hashes }: VerifiedChain, by: VerifiedChain): Witnesses {
  const all: Witness[] = [];
  for (const entry of by.intact.values()) {
    if ("content" in entry || entry.kind !== "witnessed" || entry.head === undefined || entry.from !== header?.agent) continue;
    const head = readHead("head", entry.head);
    if (head?.agent !== entry.from || key === undefined || !isSignedBy(entry.head, key)) continue;
    all.push({ seq: entry.seq, head });
  }
  const found = all.filter(({ head }) => hashes.has(head.hash));
  return { all, first: found[0]?.seq, last: found.at(-1)?.seq };
}

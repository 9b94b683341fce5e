import { readHead, signatureVerifier } from "./head.ts";
import type { VerifiedChain } from "./verify-chain.ts";

/** A head of one party in the chain of the other one. Its signature may not be verified yet. */
export interface Witness {
  /** Number of the entry that has it. If several have it, of the first one. */
  readonly seq: number;
  readonly jws: string;
  /** When it was signed: RFC 3339. */
  readonly time: string;
  /** Number of its entry in the party's export; absent if the export does not have that. */
  readonly found: number | undefined;
}

/** Heads in a row that the party's export does not have. */
interface AbsentHeads {
  readonly heads: readonly Witness[];
  /** Numbers of the entries whose heads were witnessed before and after them; absent without any. */
  readonly before: number | undefined;
  readonly after: number | undefined;
}

/** The heads of one party in the chain of the other one, in the order of that chain. A signature is verified when the result depends on it, and once. */
export class Witnesses {
  /** Each distinct head once. */
  readonly all: readonly Witness[];
  /** Number of the first and of the last entry whose head is signed by the party, and is of an entry in its export; absent without any. */
  readonly first: number | undefined;
  readonly last: number | undefined;
  readonly #verify: (jws: string) => boolean;
  readonly #verified = new Map<Witness, boolean>();

  /** @param by the chain of the other party. */
  constructor({ header, key, hashes }: VerifiedChain, by: VerifiedChain) {
    this.#verify = key === undefined ? () => false : signatureVerifier(key);
    const all = new Map<string, Witness>();
    for (const entry of by.intact.values()) {
      if ("content" in entry || entry.kind !== "witnessed" || entry.head === undefined || entry.from !== header?.agent) continue;
      const { head: jws, seq } = entry;
      const head = all.has(jws) ? undefined : readHead("head", jws);
      if (head?.agent === entry.from) all.set(jws, { seq, jws, time: head.time, found: hashes.get(head.hash) });
    }
    this.all = [...all.values()];
    this.first = this.all.find((witness) => this.#isFound(witness))?.seq;
    this.last = this.all.findLast((witness) => this.#isFound(witness))?.seq;
  }

  /** Whether the party has signed a head. */
  isSigned(witness: Witness): boolean {
    const known = this.#verified.get(witness);
    if (known !== undefined) return known;
    const isSigned = this.#verify(witness.jws);
    this.#verified.set(witness, isSigned);
    return isSigned;
  }

  /** The heads that the party's export does not have, in order. */
  *absent(): Generator<AbsentHeads> {
    let found: Witness[] = [];
    let heads: Witness[] = [];
    const before = (): number | undefined => found.findLast((witness) => this.#isFound(witness))?.found;
    for (const witness of this.all) {
      if (witness.found === undefined) heads.push(witness);
      else if (heads.length === 0) found.push(witness);
      else if (this.isSigned(witness)) {
        yield { heads, before: before(), after: witness.found };
        [found, heads] = [[witness], []];
      }
    }
    if (heads.length > 0) yield { heads, before: before(), after: undefined };
  }

  #isFound(witness: Witness): boolean {
    return witness.found !== undefined && this.isSigned(witness);
  }
}

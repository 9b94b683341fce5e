/**
 * What a verifier found.
 *
 * | kind | meaning |
 * | --- | --- |
 * | `altered` | an entry, or the first line of an export, is not what was written: a member was changed |
 * | `dropped` | entries are missing at the start or in the middle |
 * | `truncated` | the end is missing: a signed head is of a later entry |
 * | `reordered` | an entry is not in its place |
 * | `inserted` | an entry was added: a number is there twice, or entries follow the signed head |
 * | `spliced` | an intact entry does not continue the one before it: it is of another chain, or of another version of this one |
 * | `rewritten` | the chain fits together, and is not the one that its party has signed |
 * | `unsigned` | the export has no signed head, so that nothing shows where the chain ends |
 * | `signature` | the signature of a head or of a cut is not by the party's key |
 * | `missing` | the other party's chain has a message that this one should have, too |
 * | `mismatch` | both chains have the message, with different content |
 * | `hidden` | entries are hidden that the export, or a comparison with the other party's, needs |
 */
export type AuditFindingKind =
  | "altered"
  | "dropped"
  | "truncated"
  | "reordered"
  | "inserted"
  | "spliced"
  | "rewritten"
  | "unsigned"
  | "signature"
  | "missing"
  | "mismatch"
  | "hidden";

/** One finding: what, where, and on which side. */
export interface AuditFinding {
  readonly kind: AuditFindingKind;
  /** Name of the export, as it was given to the verifier. */
  readonly side: string;
  /** Number of the entry, or of the first of several; absent if the finding is about the export. */
  readonly seq?: number | undefined;
  /** Number of the last entry of several. */
  readonly last?: number | undefined;
  /** Line of the export. */
  readonly line?: number | undefined;
  /** Id of the message, if the finding is about one. */
  readonly id?: string | undefined;
  /** Number of witnessed heads that are not in the chain, from the one that `detail` names on, which is verified; absent for one. */
  readonly count?: number | undefined;
  /** A sentence for people. */
  readonly detail: string;
}

/** Maximum number of findings of a side that are kept. */
const MAX_FINDINGS = 1000;

/** Collects the findings of one side. */
export class Findings {
  readonly #side: string;
  readonly list: AuditFinding[] = [];
  /** Findings beyond the limit. */
  omitted = 0;

  constructor(side: string) {
    this.#side = side;
  }

  add(kind: AuditFindingKind, detail: string, where: Pick<AuditFinding, "seq" | "last" | "line" | "id" | "count"> = {}): void {
    if (this.list.length < MAX_FINDINGS) this.list.push({ kind, side: this.#side, ...where, detail });
    else this.omitted += 1;
  }
}

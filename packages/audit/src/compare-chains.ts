import type { AuditEntry } from "./entry.ts";
import type { AuditFinding } from "./finding.ts";
import { lowerBound } from "./lower-bound.ts";
import type { VerifiedChain } from "./verify-chain.ts";
import { type Witness, Witnesses } from "./witnesses.ts";

/** The messages of two chains, compared. */
export interface Comparison {
  /** Messages that both chains have, with the same content. */
  readonly matched: number;
  /** Messages that one chain has and the other one need not show: its export does not cover their time, or they may be hidden in it. */
  readonly undecided: number;
  /** Those of them that may be hidden. */
  readonly undecidedHidden: number;
}

/** The entries of one message in one chain. */
interface Message {
  readonly first: AuditEntry;
  /** The node of the chain has stored it. */
  accepted?: AuditEntry;
  /** The next one has it, by the word of this chain. */
  delivered?: AuditEntry;
  /** It was not delivered or not handled. */
  refused?: AuditEntry;
}

/**
 * Compares the chains of two parties: each must have the messages that the other one knows that it has, and the heads that the other one has
 * witnessed. Adds findings to both.
 *
 * @param clockSkewMs how far the clocks of the parties may be apart.
 */
export function compareChains(left: VerifiedChain, right: VerifiedChain, clockSkewMs: number): Comparison {
  const sides = { left: new Side(left, right, clockSkewMs), right: new Side(right, left, clockSkewMs) };
  const there = compareDirection(sides.left, sides.right);
  const back = compareDirection(sides.right, sides.left);
  for (const side of [sides.left, sides.right]) {
    side.checkWitnesses();
    side.checkHidden();
  }
  return {
    matched: there.matched + back.matched,
    undecided: there.undecided + back.undecided,
    undecidedHidden: there.undecidedHidden + back.undecidedHidden,
  };
}

/** What an export shows of the message of an entry of the other chain: that it is missing, or why it need not be there. */
type Absence = "missing" | "hidden" | "uncovered";

/** One of the two chains. */
class Side {
  readonly chain: VerifiedChain;
  readonly #other: VerifiedChain;
  /** Heads of this chain that the other one has. */
  readonly #witnesses: Witnesses;
  readonly #clockSkewMs: number;
  /** Milliseconds since 1970. */
  readonly #startsAt: number;

  constructor(chain: VerifiedChain, other: VerifiedChain, clockSkewMs: number) {
    this.chain = chain;
    this.#other = other;
    this.#witnesses = new Witnesses(chain, other);
    this.#clockSkewMs = clockSkewMs;
    this.#startsAt = startOf(chain);
  }

  get agent(): string | undefined {
    return this.chain.header?.agent;
  }

  /** The messages from one party to another, by digest. */
  messages(from: string | undefined, to: string | undefined): ReadonlyMap<string, Message> {
    const messages = new Map<string, Message>();
    for (const entry of this.chain.intact.values()) {
      if ("content" in entry || entry.digest === undefined || entry.from !== from || entry.to !== to) continue;
      const message: Message = messages.get(entry.digest) ?? { first: entry };
      messages.set(entry.digest, message);
      if (entry.kind === "accepted") message.accepted ??= entry;
      if (entry.kind === "delivered") message.delivered ??= entry;
      if (entry.kind === "refused") message.refused ??= entry;
    }
    return messages;
  }

  /** The other chain has a message that this one does not show: a finding, if this one must have it. */
  absenceOf({ seq, time, id }: AuditEntry): Absence {
    const absence = this.#coverageOf(seq, Date.parse(time));
    if (absence === "missing") {
      const detail = `the message of entry ${seq} of ${this.#other.side} is missing${this.chain.hidden > 0 ? ", or hidden" : ""}`;
      this.chain.findings.add("missing", detail, id === undefined ? {} : { id });
    }
    return absence;
  }

  /**
   * Whether the export covers the time of an entry of the other chain. Heads that the other chain has witnessed before and after it show that, if
   * the export has their entries. Otherwise the clocks do.
   */
  #coverageOf(seq: number, at: number): Absence {
    if (this.#isForAnother) return "hidden";
    const { head } = this.chain;
    const { first, last } = this.#witnesses;
    const begins = (first !== undefined && first < seq) || at > this.#startsAt + this.#clockSkewMs;
    const ends = (last !== undefined && last > seq) || (head !== undefined && at < Date.parse(head.time) - this.#clockSkewMs);
    if (begins && ends) return "missing";
    return this.mayHide(at) ? "hidden" : "uncovered";
  }

  /** Whether a message of a time in the other chain may be among the hidden entries. */
  mayHide(at: number): boolean {
    const { head, cut, intact, hidden } = this.chain;
    const start = intact.get(1);
    const isStartHidden = start === undefined || "content" in start;
    const from = cut === undefined ? (isStartHidden ? Number.NEGATIVE_INFINITY : Date.parse(start.time)) : Date.parse(cut.until);
    return hidden > 0 && head !== undefined && at >= from - this.#clockSkewMs && at <= Date.parse(head.time) + this.#clockSkewMs;
  }

  /** Whether the export hides the messages of both parties, because it is for another one. */
  get #isForAnother(): boolean {
    const { header, hidden } = this.chain;
    return hidden > 0 && header?.peer !== undefined && header.peer !== this.#other.header?.agent;
  }

  /** The export must show the messages of both parties. */
  checkHidden(): void {
    const { header, hidden, intact, findings } = this.chain;
    const other = this.#other.header?.agent ?? this.#other.side;
    if (this.#isForAnother)
      findings.add("hidden", `the export is for ${header?.peer ?? "another party"}: its messages with ${other} are hidden`);
    else if (header?.peer !== undefined && hidden > 0 && hidden === intact.size)
      findings.add("hidden", `all entries are hidden: no message can be compared with those of ${other}`);
  }

  /**
   * The chain must have each head that the other one has witnessed, unless it was signed after the export, retention has removed its entry, or it is
   * among those that are missing anyway. The first head that contradicts the chain is the finding: the others are counted.
   */
  checkWitnesses(): void {
    const { head: end, cut, intact, findings } = this.chain;
    if (end === undefined) return;
    const seqs = [...intact.keys()];
    const isCovered = ({ time }: Witness): boolean => Date.parse(time) <= Date.parse(end.time);
    for (const { heads, before, after } of this.#witnesses.absent()) {
      const [from, to] = [before ?? cut?.seq ?? 0, after ?? (end.seq ?? seqs.at(-1) ?? 0) + 1];
      if (countBetween(seqs, from, to) < to - from - 1) continue;
      const isRemoved = ({ time }: Witness): boolean =>
        before === undefined && cut !== undefined && Date.parse(time) <= Date.parse(cut.time);
      const first = heads.find((head) => isCovered(head) && !isRemoved(head) && this.#witnesses.isSigned(head));
      if (first === undefined) continue;
      const { seq, time } = first;
      const others = this.#witnesses.all.filter((head) => head.seq > seq && head.found === undefined && isCovered(head)).length;
      const more = others === 0 ? "" : `, nor ${others === 1 ? "is a later one" : `are ${others} later ones`}`;
      const detail = `the head that entry ${seq} of ${this.#other.side} has witnessed, signed at ${time}, is not in the chain${more}`;
      return findings.add("rewritten", detail, others === 0 ? {} : { count: others + 1 });
    }
  }
}

/** A party may have begun its chain after the other one. If its first entries are hidden, it had begun when it wrote the first one that is not. */
function startOf({ cut, intact, header }: VerifiedChain): number {
  if (cut !== undefined) return Date.parse(cut.until);
  if (intact.size === 0) return Number.POSITIVE_INFINITY;
  if (!intact.has(1)) return header?.cut === undefined ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  for (const entry of intact.values()) if (!("content" in entry)) return Date.parse(entry.time);
  return Number.POSITIVE_INFINITY;
}

/** Compares the messages of one party to the other. */
function compareDirection(sender: Side, recipient: Side): Comparison {
  const [from, to] = [sender.agent, recipient.agent];
  const sent = sender.messages(from, to);
  const received = recipient.messages(from, to);
  const sentById = new Map(Array.from(sent.values(), ({ first }) => [first.id, first]));
  const receivedById = new Map(Array.from(received.values(), ({ first }) => [first.id, first]));
  let matched = 0;
  const absent = { missing: 0, hidden: 0, uncovered: 0 };
  for (const [digest, { first, accepted, delivered, refused }] of sent) {
    const other = received.get(digest)?.first;
    if (other !== undefined) {
      if (isSame(first, other)) matched += 1;
      else mismatch(sender, first, recipient, other);
    } else if (!receivedById.has(first.id)) {
      // Without the word of the recipient's node, the message may be on its way, or have been rejected there.
      if (delivered !== undefined) absent[recipient.absenceOf(delivered)] += 1;
      else if (accepted !== undefined && refused === undefined && recipient.mayHide(Date.parse(accepted.time))) absent.hidden += 1;
    }
  }
  for (const [digest, { accepted }] of received) {
    if (sent.has(digest) || accepted === undefined) continue;
    const other = sentById.get(accepted.id);
    if (other !== undefined) mismatch(sender, other, recipient, accepted);
    else absent[sender.absenceOf(accepted)] += 1;
  }
  return { matched, undecided: absent.uncovered + absent.hidden, undecidedHidden: absent.hidden };
}

function isSame(left: AuditEntry, right: AuditEntry): boolean {
  return left.id === right.id && left.type === right.type;
}

function mismatch(sender: Side, sent: AuditEntry, recipient: Side, received: AuditEntry): void {
  const [left, right] = [sender.chain, recipient.chain];
  const detail = `entry ${sent.seq} of ${left.side} and entry ${received.seq} of ${right.side} are about one message, and differ`;
  left.findings.add("mismatch", detail, about(sent));
  right.findings.add("mismatch", detail, about(received));
}

function about({ seq, id }: AuditEntry): Pick<AuditFinding, "seq" | "id"> {
  return { seq, ...(id !== undefined && { id }) };
}

/** How many of ascending numbers are between two others. */
function countBetween(numbers: readonly number[], from: number, to: number): number {
  const indexOf = (least: number): number => lowerBound(numbers.length, (index) => (numbers[index] ?? 0) >= least);
  return Math.max(0, indexOf(to) - indexOf(from + 1));
}

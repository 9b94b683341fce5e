import type { AuditEntry } from "./entry.ts";
import type { AuditFinding } from "./finding.ts";
import type { VerifiedChain } from "./verify-chain.ts";
import { type Witnesses, witnessesOf } from "./witnesses.ts";

/** The messages of two chains, compared. */
export interface Comparison {
  /** Messages that both chains have, with the same content. */
  readonly matched: number;
  /** Messages that one chain has and the other one need not have: its export ends before, or retention has removed them. */
  readonly undecided: number;
}

/** The entries of one message in one chain. */
interface Message {
  readonly first: AuditEntry;
  /** The node of the chain has stored it. */
  accepted?: AuditEntry;
  /** The next one has it, by the word of this chain. */
  delivered?: AuditEntry;
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
  sides.left.checkWitnesses();
  sides.right.checkWitnesses();
  return { matched: there.matched + back.matched, undecided: there.undecided + back.undecided };
}

/** Number of witnessed heads that are searched for the next one that a chain has. */
const MAX_AHEAD = 100;

/** One of the two chains. */
class Side {
  readonly chain: VerifiedChain;
  readonly #other: VerifiedChain;
  /** Heads of this chain that the other one has. */
  readonly #witnesses: Witnesses;
  readonly #clockSkewMs: number;

  constructor(chain: VerifiedChain, other: VerifiedChain, clockSkewMs: number) {
    this.chain = chain;
    this.#other = other;
    this.#witnesses = witnessesOf(chain, other);
    this.#clockSkewMs = clockSkewMs;
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
    }
    return messages;
  }

  /** The other chain has a message that this one does not have. @returns whether this one must have it */
  misses({ seq, time, id }: AuditEntry): boolean {
    if (!this.#covers(seq, Date.parse(time))) return false;
    this.chain.findings.add("missing", `the message of entry ${seq} of ${this.#other.side} is missing`, id === undefined ? {} : { id });
    return true;
  }

  /**
   * Whether the export covers the time of an entry of the other chain. Heads that the other chain has witnessed before and after it show that, if
   * the export has their entries. Otherwise the clocks do.
   */
  #covers(seq: number, at: number): boolean {
    const { head, header } = this.chain;
    if (header?.peer !== undefined && header.peer !== this.#other.header?.agent) return false;
    const { first, last } = this.#witnesses;
    const begins = (first !== undefined && first < seq) || at > this.#startsAt() + this.#clockSkewMs;
    const ends = (last !== undefined && last > seq) || (head !== undefined && at < Date.parse(head.time) - this.#clockSkewMs);
    return begins && ends;
  }

  /** A party may have begun its chain after the other one. */
  #startsAt(): number {
    const { cut, intact, header } = this.chain;
    if (cut !== undefined) return Date.parse(cut.until);
    const start = intact.get(1);
    if (intact.size === 0) return Number.POSITIVE_INFINITY;
    if (start === undefined) return header?.cut === undefined ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
    return "content" in start ? Number.POSITIVE_INFINITY : Date.parse(start.time);
  }

  /**
   * The chain must have each head that the other one has witnessed, unless it was signed after the export, retention has removed its entry, or it is
   * among those that are missing anyway.
   */
  checkWitnesses(): void {
    const { head: end, cut, hashes, intact, findings } = this.chain;
    if (end === undefined) return;
    const seqs = [...intact.keys()];
    const { all } = this.#witnesses;
    let last = cut?.seq ?? 0;
    for (const [index, { seq, head }] of all.entries()) {
      const found = hashes.get(head.hash);
      if (found !== undefined) last = found;
      if (found !== undefined || Date.parse(head.time) > Date.parse(end.time)) continue;
      const isRemoved = cut !== undefined && last === cut.seq && Date.parse(head.time) <= Date.parse(cut.time);
      const next = this.#nextFound(index) ?? (end.seq ?? seqs.at(-1) ?? 0) + 1;
      if (isRemoved || countBetween(seqs, last, next) < next - last - 1) continue;
      findings.add(
        "rewritten",
        `the head that entry ${seq} of ${this.#other.side} has witnessed, signed at ${head.time}, is not in the chain`,
      );
    }
  }

  /** Number of the entry of the next witnessed head that the chain has. */
  #nextFound(index: number): number | undefined {
    for (const { head } of this.#witnesses.all.slice(index + 1, index + MAX_AHEAD)) {
      const found = this.chain.hashes.get(head.hash);
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

/** Compares the messages of one party to the other. */
function compareDirection(sender: Side, recipient: Side): Comparison {
  const [from, to] = [sender.agent, recipient.agent];
  const sent = sender.messages(from, to);
  const received = recipient.messages(from, to);
  const sentById = new Map(Array.from(sent.values(), ({ first }) => [first.id, first]));
  const receivedById = new Map(Array.from(received.values(), ({ first }) => [first.id, first]));
  let [matched, undecided] = [0, 0];
  for (const [digest, { first, delivered }] of sent) {
    const other = received.get(digest)?.first;
    if (other !== undefined) {
      if (isSame(first, other)) matched += 1;
      else mismatch(sender, first, recipient, other);
    } else if (delivered !== undefined && !receivedById.has(first.id) && !recipient.misses(delivered)) {
      // Without the word of the recipient's node, the message may be on its way, or have been rejected there.
      undecided += 1;
    }
  }
  for (const [digest, { accepted }] of received) {
    if (sent.has(digest) || accepted === undefined) continue;
    const other = sentById.get(accepted.id);
    if (other !== undefined) mismatch(sender, other, recipient, accepted);
    else if (!sender.misses(accepted)) undecided += 1;
  }
  return { matched, undecided };
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
  return Math.max(0, lowerBound(numbers, to) - lowerBound(numbers, from + 1));
}

/** Index of the first number that is not less than another one. */
function lowerBound(numbers: readonly number[], least: number): number {
  let [low, high] = [0, numbers.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((numbers[middle] ?? 0) < least) low = middle + 1;
    else high = middle;
  }
  return low;
}

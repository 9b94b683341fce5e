import type { Comparison } from "./compare-chains.ts";
import type { AuditEntry } from "./entry.ts";
import { lowerBound } from "./lower-bound.ts";
import type { VerifiedChain } from "./verify-chain.ts";

/** A part of a channel's log. */
interface LogRange {
  readonly first: number;
  last: number;
}

/** The entries about a channel in the chain of a member. */
interface MemberView {
  readonly chain: VerifiedChain;
  /** The first entry of each message with a digest, by id: the id is derived from the ciphertext, so it is the same at all members. */
  readonly messages: ReadonlyMap<string, AuditEntry>;
  /** Ids of what was refused without being decrypted. */
  readonly unread: ReadonlySet<string>;
  /** The parts of the log that the chain has without a gap, ascending and apart. */
  readonly covered: readonly LogRange[];
}

/**
 * Compares the chains of two members of a channel. Each must have the messages of all members, as far as it covers the same part of the log. Adds
 * findings to both.
 */
export function compareChannel(left: VerifiedChain, right: VerifiedChain): Comparison {
  const [one, other] = [viewOf(left), viewOf(right)];
  let [matched, undecided] = [0, 0];
  for (const [id, entry] of one.messages) {
    const same = other.messages.get(id);
    if (same === undefined) {
      if (!isMissing(other, entry, one)) undecided += 1;
    } else if (isSame(entry, same)) matched += 1;
    else mismatch(left, entry, right, same);
  }
  for (const [id, entry] of other.messages) if (!one.messages.has(id) && !isMissing(one, entry, other)) undecided += 1;
  // Exports of channels hide nothing: a hidden entry is a finding.
  return { matched, undecided, undecidedHidden: 0 };
}

function viewOf(chain: VerifiedChain): MemberView {
  const messages = new Map<string, AuditEntry>();
  const unread = new Set<string>();
  const covered: LogRange[] = [];
  let range: LogRange | undefined;
  let before = 0;
  for (const [seq, entry] of chain.intact) {
    // Entries between these two are missing, or were changed: that is a finding already.
    if (seq !== before + 1) range = undefined;
    before = seq;
    const isGap = "content" in entry || (entry.kind === "refused" && entry.id === undefined);
    if (isGap) range = undefined;
    if (isGap || entry.id === undefined) continue;
    if (entry.digest === undefined) unread.add(entry.id);
    else if (!messages.has(entry.id)) messages.set(entry.id, entry);
    // An acknowledgement is about an earlier place of the log.
    if (entry.position === undefined || entry.kind === "handled") continue;
    if (range !== undefined && entry.position > range.last) range.last = entry.position;
    else if (range === undefined) covered.push((range = { first: entry.position, last: entry.position }));
  }
  return { chain, messages, unread, covered: joined(covered) };
}

/** Sorts ranges, and joins those that overlap. */
function joined(ranges: readonly LogRange[]): readonly LogRange[] {
  const all: LogRange[] = [];
  for (const range of ranges.toSorted((left, right) => left.first - right.first)) {
    const before = all.at(-1);
    if (before === undefined || range.first > before.last) all.push(range);
    else before.last = Math.max(before.last, range.last);
  }
  return all;
}

function covers(ranges: readonly LogRange[], position: number): boolean {
  const range = ranges[lowerBound(ranges.length, (index) => (ranges[index]?.last ?? 0) >= position)];
  return range !== undefined && range.first <= position;
}

/** A member's chain lacks a message. @returns whether it must have it */
function isMissing({ chain, unread, covered }: MemberView, { id = "", position, seq }: AuditEntry, by: MemberView): boolean {
  if (position === undefined || unread.has(id) || !covers(covered, position)) return false;
  chain.findings.add("missing", `the message of entry ${seq} of ${by.chain.side}, number ${position} in the channel's log, is missing`, {
    id,
  });
  return true;
}

function isSame(left: AuditEntry, right: AuditEntry): boolean {
  return left.digest === right.digest && left.from === right.from && left.to === right.to;
}

function mismatch(left: VerifiedChain, one: AuditEntry, right: VerifiedChain, other: AuditEntry): void {
  const detail = `entry ${one.seq} of ${left.side} and entry ${other.seq} of ${right.side} are about one message, and differ`;
  const { id = "" } = one;
  left.findings.add("mismatch", detail, { seq: one.seq, id });
  right.findings.add("mismatch", detail, { seq: other.seq, id });
}

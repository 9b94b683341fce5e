import { type AuditEntry, type ChainPosition, chainStart, type HiddenEntry, isIntact } from "./entry.ts";
import type { ExportHeader, ReadExport } from "./export-lines.ts";
import { Findings } from "./finding.ts";
import { type AuditCut, type AuditHead, type AuditKey, readHead, signatureVerifier } from "./head.ts";

/** An export, as far as it can be trusted. */
export interface VerifiedChain {
  /** Name of the export. */
  readonly side: string;
  readonly header: ExportHeader | undefined;
  /** Entries that are what was written, by number. */
  readonly intact: ReadonlyMap<number, AuditEntry | HiddenEntry>;
  /** Number of the intact entries whose content is hidden. */
  readonly hidden: number;
  /** Numbers of the intact entries by hash. */
  readonly hashes: ReadonlyMap<string, number>;
  /** The signed end and start; absent if they are not signed by the party's key. */
  readonly head: AuditHead | undefined;
  readonly cut: AuditCut | undefined;
  /** The key that signatures were checked with, and whether it is known from elsewhere than the export. */
  readonly key: AuditKey | undefined;
  readonly isKeyKnown: boolean;
  readonly findings: Findings;
}

/** What is known of a chain beside its export. */
export interface KnownOfChain {
  /** The key of the party's DID document. Default: the one that the export names. */
  readonly key?: AuditKey | undefined;
  /** Heads that were signed and kept before. */
  readonly heads?: readonly string[] | undefined;
}

/** A line with the number that it has, or would have if it were what was written. */
interface Placed {
  readonly seq: number;
  readonly line: number;
  readonly entry: AuditEntry | HiddenEntry | undefined;
  readonly isIntact: boolean;
}

/** Verifies one export: that its entries are what was written, in order, and up to the signed head. */
export function verifyChain(side: string, { header, entries, head: footer, endsWithHead }: ReadExport, known: KnownOfChain): VerifiedChain {
  const findings = new Findings(side);
  const key = known.key ?? header?.key;
  if (header === undefined) findings.add("altered", "the first line is not the header of an export", { line: 1 });
  if (known.key !== undefined && header !== undefined && header.key.x !== known.key.x)
    findings.add("signature", `the key that the export names is not the key of ${header.agent}`, { line: 1 });
  const isSigned = key === undefined ? () => false : signatureVerifier(key);
  const cut = header?.cut === undefined ? undefined : checkCut(header, header.cut, isSigned, findings);
  const start = cut?.claim ?? chainStart(header?.agent ?? "", header?.channel);
  const placed = place(entries, start.seq);
  const bySeq = checkOrder(placed, start.seq, findings);
  checkLinks(bySeq, header === undefined ? undefined : start, findings);
  const intact = new Map<number, AuditEntry | HiddenEntry>();
  for (const { seq, entry, isIntact: isUnchanged } of bySeq.values()) if (entry !== undefined && isUnchanged) intact.set(seq, entry);
  const hidden = [...intact.values()].filter((entry) => "content" in entry).length;
  if (hidden > 0 && header !== undefined && header.peer === undefined)
    findings.add("hidden", `${countOf(hidden)} hidden, although the export names no party that it is for`);
  const hashes = new Map(Array.from(intact, ([seq, { hash }]) => [hash, seq]));
  const end = Math.max(start.seq, ...lastOf(bySeq));
  const chain = { bySeq, hashes, start, end, agent: header?.agent, channel: header?.channel, isSigned, findings };
  const head = footer === undefined ? undefined : checkHead(chain, footer, true);
  if (footer === undefined) findings.add("unsigned", "the export has no signed head: its end is not proven");
  else if (!endsWithHead) findings.add("reordered", "the signed head is not the last line, or is there twice");
  for (const jws of new Set(known.heads)) checkHead(chain, jws, false);
  return {
    side,
    header,
    intact,
    hidden,
    hashes,
    head,
    cut: cut?.isSigned === true ? cut.claim : undefined,
    key,
    isKeyKnown: known.key !== undefined,
    findings,
  };
}

function checkCut(
  header: ExportHeader,
  jws: string,
  isSignedByParty: (jws: string) => boolean,
  findings: Findings,
): { readonly claim: AuditCut; readonly isSigned: boolean } | undefined {
  const claim = readHead("cut", jws);
  if (claim === undefined) {
    findings.add("altered", "the cut in the first line can't be read", { line: 1 });
    return undefined;
  }
  const isSigned = claim.agent === header.agent && claim.channel === header.channel && isSignedByParty(jws);
  if (!isSigned) findings.add("signature", `the cut after entry ${claim.seq} is not signed by the key of ${header.agent}`, { line: 1 });
  return { claim, isSigned };
}

/** Gives each line its number: its own if it is intact; otherwise the next one, unless the line after it confirms its own. */
function place(entries: ReadExport["entries"], start: number): readonly Placed[] {
  let last = start;
  const unchanged = entries.map(({ entry }) => entry !== undefined && isIntact(entry));
  return entries.map(({ line, entry }, index) => {
    const isUnchanged = unchanged[index] === true;
    const next = entries[index + 1]?.entry;
    const isConfirmed = next !== undefined && unchanged[index + 1] === true && next.seq - 1 === entry?.seq;
    last = entry !== undefined && (isUnchanged || isConfirmed) ? entry.seq : last + 1;
    return { seq: last, line, entry, isIntact: isUnchanged };
  });
}

/** Checks that each number is there once, in order. Returns the lines by number, ascending. */
function checkOrder(placed: readonly Placed[], start: number, findings: Findings): ReadonlyMap<number, Placed> {
  const bySeq = new Map<number, Placed>();
  let highest = start;
  for (const one of placed) {
    const { seq, line } = one;
    const first = bySeq.get(seq);
    if (first !== undefined) {
      findings.add("inserted", `a second entry ${seq}`, { seq, line });
      // Whichever is intact is the one that the others continue.
      if (first.isIntact || !one.isIntact) continue;
    } else if (seq <= start) {
      findings.add("inserted", `an entry before the start of the chain`, { seq, line });
      continue;
    }
    if (seq < highest) findings.add("reordered", `entry ${seq} is after entry ${highest}`, { seq, line });
    if (!one.isIntact) findings.add("altered", `entry ${seq} was changed after it was written`, { seq, line });
    highest = Math.max(highest, seq);
    bySeq.set(seq, one);
  }
  return new Map([...bySeq].toSorted(([left], [right]) => left - right));
}

/** Checks that each entry continues the one before it, and that none is missing in between. */
function checkLinks(bySeq: ReadonlyMap<number, Placed>, start: ChainPosition | undefined, findings: Findings): void {
  let before = start?.seq ?? 0;
  let hash = start?.hash;
  for (const { seq, line, entry, isIntact: isUnchanged } of bySeq.values()) {
    if (seq > before + 1) {
      const [first, last] = [before + 1, seq - 1];
      findings.add("dropped", first === last ? `entry ${first} is missing` : `entries ${first} to ${last} are missing`, {
        seq: first,
        ...(first !== last && { last }),
      });
      hash = undefined;
    }
    if (isUnchanged && hash !== undefined && entry?.prev !== hash) {
      const what = seq === 1 ? "the start of this party's chain" : `entry ${seq - 1}`;
      findings.add("spliced", `entry ${seq} does not continue ${what}`, { seq, line });
    }
    before = seq;
    hash = isUnchanged ? entry?.hash : undefined;
  }
}

/** The chain that a head is compared with. */
interface ChainToEnd {
  readonly bySeq: ReadonlyMap<number, Placed>;
  readonly hashes: ReadonlyMap<string, number>;
  readonly start: ChainPosition;
  readonly end: number;
  readonly agent: string | undefined;
  readonly channel: string | undefined;
  readonly isSigned: (jws: string) => boolean;
  readonly findings: Findings;
}

/** Compares the chain with a signed head: that of the export, after which nothing may follow, or one that was kept. */
function checkHead(chain: ChainToEnd, jws: string, isLast: boolean): AuditHead | undefined {
  const { bySeq, hashes, start, end, agent, channel, isSigned, findings } = chain;
  const which = isLast ? "the signed head" : "a head that was kept";
  const head = readHead("head", jws);
  if (head === undefined) {
    findings.add(isLast ? "altered" : "signature", `${which} can't be read`);
    return undefined;
  }
  if (agent !== undefined && head.channel !== channel) {
    findings.add(
      "signature",
      `${which} is not about ${channel === undefined ? "all messages of this party" : "the channel of this export"}`,
    );
    return undefined;
  }
  if (head.agent !== agent || !isSigned(jws)) {
    const detail =
      agent === undefined
        ? `${which} of ${head.agent} can't be checked without the first line`
        : head.agent === agent
          ? `${which} is not signed by the key of ${agent}`
          : `${which} is one of ${head.agent}, and not of ${agent}`;
    findings.add("signature", detail);
    return undefined;
  }
  const { seq = hashes.get(head.hash), hash, time } = head;
  if (seq === undefined) {
    findings.add("rewritten", `the entry that was signed as ${which} at ${time} is not in the chain`);
  } else if (seq > end) {
    const first = end + 1;
    findings.add(
      "truncated",
      first === seq ? `entry ${first} is missing at the end` : `entries ${first} to ${seq} are missing at the end`,
      {
        seq: first,
        ...(first !== seq && { last: seq }),
      },
    );
  } else {
    const signed = bySeq.get(seq);
    const found = seq === start.seq ? start.hash : signed?.isIntact === true ? signed.entry?.hash : undefined;
    if (found !== undefined && found !== hash)
      findings.add("rewritten", `entry ${seq} is not the one that was signed as ${which} at ${time}`, { seq });
    if (isLast && seq < end) {
      findings.add("inserted", `entries ${seq + 1} to ${end} follow the signed head`, { seq: seq + 1, last: end });
    }
  }
  return head;
}

function countOf(entries: number): string {
  return entries === 1 ? "1 entry is" : `${entries} entries are`;
}

function lastOf(bySeq: ReadonlyMap<number, Placed>): readonly number[] {
  const last = [...bySeq.keys()].at(-1);
  return last === undefined ? [] : [last];
}

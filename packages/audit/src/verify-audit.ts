import { compareChains, type Comparison } from "./compare-chains.ts";
import { compareChannel } from "./compare-channel.ts";
import { type ReadExport, readExport } from "./export-lines.ts";
import type { AuditFinding } from "./finding.ts";
import { type AuditKey, readHead } from "./head.ts";
import { verifyChain, type VerifiedChain } from "./verify-chain.ts";

/** An export to verify, and what is known of its chain. */
export interface AuditExport {
  /** Name of the export in findings, such as that of its file. */
  readonly name: string;
  /** Its lines, without line breaks. */
  readonly lines: AsyncIterable<string> | Iterable<string>;
}

/** Options of {@link verifyAudit}. */
export interface VerifyAuditOptions {
  /**
   * Finds the key of a party in its DID document. Default, and if it finds none: the key that the export names, which shows only that all
   * signatures are by one party.
   *
   * `keyId` is the id that the export gives the key, and may be false: return the key that the party signs with if the document has none of this
   * id. It is `<agent>#signing` if the export has no head of the party.
   */
  readonly keyOf?: (agent: string, keyId: string) => AuditKey | undefined | Promise<AuditKey | undefined>;
  /** Signed heads of these chains that were kept before: the exports must have their entries. */
  readonly heads?: readonly string[];
  /**
   * How far the clocks of both parties may be apart, in milliseconds: decides about messages next to the end of an export, where no witnessed head
   * does. Default 60,000.
   */
  readonly clockSkewMs?: number;
  /** Maximum number of entries of an export, which bounds the memory of the verifier: 1 to 2 KB each. Default 1,000,000. */
  readonly maxEntries?: number;
}

/** What was verified of one export. */
export interface AuditSide {
  readonly name: string;
  /** DID of the party; absent if the first line can't be read. */
  readonly agent?: string | undefined;
  /** The channel that the export is about; absent if it is about all messages of the party. */
  readonly channel?: string | undefined;
  /** Number of entries that are what was written. */
  readonly entries: number;
  /** Numbers of the first and the last of them; absent without any. */
  readonly first?: number | undefined;
  readonly last?: number | undefined;
  /** When the end was signed: RFC 3339. Absent without a valid signature. */
  readonly signedAt?: string | undefined;
  /** Whether the key was given to the verifier, and not only by the export. */
  readonly isKeyKnown: boolean;
  /** The party that the export is for; absent if it is for anyone. */
  readonly peer?: string | undefined;
  /** Number of entries, of those above, whose content is hidden from the reader. */
  readonly hidden: number;
  /** Number of entries that retention has removed from the start. */
  readonly removed: number;
}

/** Result of {@link verifyAudit}. */
export interface AuditReport {
  /** Whether nothing was found. */
  readonly ok: boolean;
  readonly sides: readonly AuditSide[];
  readonly findings: readonly AuditFinding[];
  /** Findings that were not listed, because there were too many. */
  readonly omitted: number;
  /** With two exports: messages that both have, with the same content. */
  readonly matched: number;
  /** With two exports: messages of one that the other one need not show: it does not cover their time, or they may be hidden in it. */
  readonly undecided: number;
  /** Those of them that may be hidden. */
  readonly undecidedHidden: number;
}

const CLOCK_SKEW_MS = 60_000;
const MAX_ENTRIES = 1_000_000;
const NOT_COMPARED: Comparison = { matched: 0, undecided: 0, undecidedHidden: 0 };

/**
 * Verifies the export of one party, or compares those of both parties of an exchange. Works offline.
 *
 * @throws TypeError if there are more than two exports, one is not an export or has too many entries, both are of one party or not about one channel,
 *   a head can't be read, or is of neither; as `keyOf`.
 * @example
 * ```ts
 * import { verifyAudit } from "@parley/audit";
 *
 * declare const lines: string[];
 * const { ok, findings } = await verifyAudit([{ name: "alice", lines }]);
 * for (const { side, kind, seq, detail } of findings) console.log(ok, side, kind, seq, detail);
 * ```
 */
export async function verifyAudit(exports: readonly AuditExport[], options: VerifyAuditOptions = {}): Promise<AuditReport> {
  if (exports.length < 1 || exports.length > 2) throw new TypeError("verifyAudit needs the export of one party, or those of both");
  const { clockSkewMs = CLOCK_SKEW_MS, maxEntries = MAX_ENTRIES, keyOf = () => undefined, heads = [] } = options;
  const kept = heads.map(readKept);
  // One after the other, so that only one export is read at a time.
  const reads: ReadExport[] = [];
  // oxlint-disable-next-line no-await-in-loop
  for (const one of exports) reads.push(await read(one, maxEntries));
  const agents = reads.map(({ header }) => header?.agent);
  const chains: VerifiedChain[] = [];
  for (const [index, { name }] of exports.entries()) {
    const [content, agent] = [reads[index], agents[index]];
    if (content === undefined) continue;
    // oxlint-disable-next-line no-await-in-loop
    const key = agent === undefined ? undefined : await keyOf(agent, keyIdOf(agent, content));
    // Heads of parties without an export of their own belong to the export whose party is not known.
    const own = kept.filter((head) => (agent === undefined ? !agents.includes(head.agent) : head.agent === agent));
    chains.push(verifyChain(name, content, { key, heads: own.map(({ jws }) => jws) }));
  }
  const [left, right] = chains;
  const other = kept.find(({ agent }) => chains.every(({ header }) => header !== undefined && header.agent !== agent));
  if (other !== undefined) throw new TypeError(`the export of ${other.agent}, whose head is given, is missing`);
  if (left?.header !== undefined && left.header.agent === right?.header?.agent)
    throw new TypeError(`both exports are of ${left.header.agent}: give those of the two parties of an exchange`);
  if (left?.header !== undefined && right?.header !== undefined && left.header.channel !== right.header.channel)
    throw new TypeError("the exports are not about one channel: give those of two members of a channel, or those of two nodes");
  const comparison = left === undefined || right === undefined ? NOT_COMPARED : compare(left, right, clockSkewMs);
  const findings = chains.flatMap((chain) => chain.findings.list);
  return {
    ok: findings.length === 0,
    sides: chains.map(sideOf),
    findings,
    omitted: chains.reduce((sum, chain) => sum + chain.findings.omitted, 0),
    ...comparison,
  };
}

/** @throws TypeError */
function readKept(jws: string): { readonly jws: string; readonly agent: string } {
  const head = readHead("head", jws);
  if (head === undefined) throw new TypeError("a head that was kept is not a signed head of an audit chain");
  return { jws, agent: head.agent };
}

/** @throws TypeError; what the lines throw */
async function read({ name, lines }: AuditExport, maxEntries: number): Promise<ReadExport> {
  const content = await readExport(lines, { name, maxEntries });
  if (!isExport(content)) throw new TypeError(`${name} is not an export of an audit chain`);
  return content;
}

/** Whether anything of an export is there. */
function isExport({ header, head, entries }: ReadExport): boolean {
  return header !== undefined || head !== undefined || entries.some(({ entry }) => entry !== undefined);
}

/** Id of the key that has signed the export, by its own word: a head of another party does not tell it. */
function keyIdOf(agent: string, { header, head }: ReadExport): string {
  const claims = [readHead("head", head), readHead("cut", header?.cut)];
  return claims.find((claim) => claim?.agent === agent)?.kid ?? `${agent}#signing`;
}

function compare(left: VerifiedChain, right: VerifiedChain, clockSkewMs: number): Comparison {
  return left.header?.channel === undefined ? compareChains(left, right, clockSkewMs) : compareChannel(left, right);
}

function sideOf({ side, header, intact, hidden, head, cut, isKeyKnown }: VerifiedChain): AuditSide {
  const seqs = [...intact.keys()];
  return {
    name: side,
    agent: header?.agent,
    channel: header?.channel,
    entries: intact.size,
    first: seqs[0],
    last: seqs.at(-1),
    signedAt: head?.time,
    isKeyKnown,
    peer: header?.peer,
    hidden,
    removed: cut?.seq ?? 0,
  };
}

import { type AuditEntry, type AuditKey, type ExportHeader, type ExportLine, hideEntry } from "@parley/audit";
import { TimeSlice } from "@parley/core/internal";
import type { AuditChains, Chain } from "./audit-chains.ts";

/** The parts of an export beside the entries. */
export interface ExportFrame {
  /** The chain at the moment of the call. */
  readonly chain: Chain;
  readonly key: AuditKey;
  /** The signed head of the chain. */
  readonly head: string;
  /** The party that the export is for: entries about others are hidden. Absent: none is. */
  readonly peer?: string | undefined;
}

/** Entries that are read at once. */
const PAGE = 256;

/** The lines of an export, each with its line break. @throws Error if retention removes entries during the export */
export async function* exportChain(chains: AuditChains, { chain, key, head, peer }: ExportFrame): AsyncGenerator<string> {
  const { agent, seq, cut, first } = chain;
  const header: ExportHeader = {
    audit: "parley-audit/1",
    agent,
    key,
    ...(cut !== undefined && { cut }),
    ...(peer !== undefined && { peer }),
  };
  yield textOf(header);
  const slice = new TimeSlice();
  for (let after = first - 1; after < seq;) {
    if (chains.find(agent).first > after + 1) throw new Error("the start of the audit chain was removed while it was exported");
    const entries = chains.read(agent, after, Math.min(PAGE, seq - after)).filter((entry) => entry.seq <= seq);
    if (entries.length === 0) break;
    yield entries.map((entry) => textOf(peer === undefined || isAbout(entry, peer) ? entry : hideEntry(entry))).join("");
    after = entries.at(-1)?.seq ?? seq;
    if (slice.isOver) await slice.next();
  }
  yield textOf({ head });
}

function isAbout({ from, to }: AuditEntry, peer: string): boolean {
  return from === peer || to === peer;
}

function textOf(line: ExportLine): string {
  return `${JSON.stringify(line)}\n`;
}

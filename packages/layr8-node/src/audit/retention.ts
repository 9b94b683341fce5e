import { TimeSlice } from "@parley/core/internal";
import type { AuditChains, Chain } from "./audit-chains.ts";
import type { HeadSigner } from "./head-signer.ts";

/** How much of the chains is kept. */
export interface RetentionLimits {
  /** Entries of one agent. */
  readonly maxAuditEntries: number;
  /** Entries of all agents. */
  readonly maxTotalAuditEntries: number;
  /** Age of an entry, in milliseconds. */
  readonly auditTtlMs: number;
}

/** Entries of a chain that are removed in one commit. */
const MAX_REMOVED = 1000;
/** How often the ages of entries are checked, in milliseconds: that reads each chain. */
const AGES_MS = 60_000;

/** Removes the oldest entries beyond the limits. The agent's key signs which is the last one that was removed, so that this is not taken for tampering. */
export class Retention {
  readonly #chains: AuditChains;
  readonly #signer: HeadSigner;
  readonly #limits: RetentionLimits;
  readonly #now: () => number;
  #isSweeping = false;
  #agesCheckedAt = Number.NEGATIVE_INFINITY;

  /** @param now milliseconds since 1970. */
  constructor(chains: AuditChains, { signer, limits, now }: { signer: HeadSigner; limits: RetentionLimits; now: () => number }) {
    this.#chains = chains;
    this.#signer = signer;
    this.#limits = limits;
    this.#now = now;
  }

  /** Called by the node, every second. @throws StorageError `storage_failed` */
  async sweep(): Promise<void> {
    if (this.#isSweeping) return;
    this.#isSweeping = true;
    try {
      await this.#sweep();
    } finally {
      this.#isSweeping = false;
    }
  }

  async #sweep(): Promise<void> {
    const slice = new TimeSlice();
    const checksAges = this.#now() >= this.#agesCheckedAt + AGES_MS;
    if (checksAges) this.#agesCheckedAt = this.#now();
    for (const agent of this.#chains.agents()) {
      const surplusOf = (chain: Chain): number => (checksAges ? this.#oldOf(chain) : this.#surplusOf(chain));
      // oxlint-disable-next-line no-await-in-loop
      while (await this.#shorten(agent, surplusOf(this.#chains.find(agent)))) if (slice.isOver) await slice.next();
      // oxlint-disable-next-line no-await-in-loop
      if (slice.isOver) await slice.next();
    }
    for (;;) {
      const surplus = this.#chains.size - this.#limits.maxTotalAuditEntries;
      // oxlint-disable-next-line no-await-in-loop
      if (surplus <= 0 || !(await this.#shorten(this.#longest(), surplus))) return;
    }
  }

  /** Number of entries that are too many. */
  #surplusOf({ first, seq }: Chain): number {
    return seq - first + 1 - this.#limits.maxAuditEntries;
  }

  /** Number of entries at the start of a chain that are too many or too old. */
  #oldOf(chain: Chain): number {
    const { agent, first } = chain;
    const surplus = this.#surplusOf(chain);
    const oldest = new Date(this.#now() - this.#limits.auditTtlMs).toISOString();
    const [entry] = this.#chains.read(agent, first - 1, 1);
    if (entry === undefined || entry.time >= oldest) return surplus;
    const old = this.#chains.read(agent, first - 1, MAX_REMOVED).filter(({ time }) => time < oldest);
    return Math.max(surplus, (old.at(-1)?.seq ?? first - 1) - first + 1);
  }

  /** @returns whether entries were removed */
  async #shorten(agent: string, surplus: number): Promise<boolean> {
    if (surplus <= 0) return false;
    const { first } = this.#chains.find(agent);
    const count = Math.min(surplus, MAX_REMOVED);
    // A damaged entry has no hash to sign: the one after it is the next that can be the last.
    const [last] = this.#chains.read(agent, first + count - 2, 1);
    if (last === undefined) return false;
    const { seq, hash, time: until } = last;
    const statement = await this.#signer.cut({ agent, seq, hash, until, time: new Date(this.#now()).toISOString() });
    if (statement === undefined) return false;
    await this.#chains.cut(agent, seq, statement);
    return true;
  }

  #longest(): string {
    let longest: Chain | undefined;
    for (const agent of this.#chains.agents()) {
      const chain = this.#chains.find(agent);
      if (longest === undefined || chain.seq - chain.first > longest.seq - longest.first) longest = chain;
    }
    return longest?.agent ?? "";
  }
}

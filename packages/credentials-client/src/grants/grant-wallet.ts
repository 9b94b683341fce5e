import { MAX_TIMER_MS } from "@parley/core/eager";
import { lazily } from "@parley/core/lazily";
import type { StoredCredential } from "../stored-credential.ts";
import { explainGrants } from "./explain-grants.ts";
import { readHeldGrant, type HeldGrant } from "./held-grant.ts";
import { selectGrants, type GrantSubject, type SelectedGrants } from "./select-grants.ts";

const loadGrants = lazily(() => import("@parley/vc/grants"));

/** How long a failed read is remembered, in milliseconds, if that is longer than the read itself may take. */
const FAILURE_MS = 5000;

/** Options of {@link GrantWallet}. */
export interface GrantWalletOptions {
  /** Reads a holder's stored credentials. */
  readonly read: (holder: string, signal: AbortSignal) => Promise<readonly StoredCredential[]>;
  /** How long grants are cached, in milliseconds: so long a new one can go unnoticed. Default 60,000. */
  readonly cacheMs?: number;
  /** Longest time of a read, in milliseconds. Default 2000. */
  readonly readTimeoutMs?: number;
  /** A clock that is never adjusted, in milliseconds. Default `performance.now`. */
  readonly now?: () => number;
}

/** Selects among the grants of one holder. */
export type SelectGrants = (subject: GrantSubject) => SelectedGrants;

interface Cached {
  readonly until: number;
  readonly reading: Promise<SelectGrants>;
  /** The result of the read, once it is there. */
  readonly ready?: SelectGrants;
}

/**
 * The grants in the stores of an agent's DIDs. They are read once for any number of concurrent calls, and cached; a failure too, for a shorter time, so that
 * a node that can't serve them doesn't delay every message.
 */
export class GrantWallet {
  readonly #cached = new Map<string, Cached>();
  /** Grants that are stored nowhere, by holder. */
  readonly #borrowed = new Map<string, readonly HeldGrant[]>();
  readonly #options: Required<GrantWalletOptions>;

  constructor({ cacheMs = 60_000, readTimeoutMs = 2000, now = () => performance.now(), read }: GrantWalletOptions) {
    this.#options = { cacheMs, readTimeoutMs, now, read };
  }

  /**
   * The grants of a holder: at once if they are cached.
   *
   * The promise rejects as the read did, or with a TimeoutError.
   */
  of(holder: string): SelectGrants | Promise<SelectGrants> {
    const { now, cacheMs } = this.#options;
    const cached = this.#cached.get(holder);
    if (cached !== undefined && cached.until > now()) return cached.ready ?? cached.reading;
    const reading = this.#read(holder);
    const entry: Cached = { until: now() + cacheMs, reading };
    this.#cached.set(holder, entry);
    reading.then(
      (ready) => this.#replace(holder, entry, { ...entry, ready }),
      () => this.#replace(holder, entry, { reading, until: now() + this.#failureMs }),
    );
    return reading;
  }

  /** Sets the grants that a holder has beside its stored ones, in place of those before. */
  borrow(holder: string, signed: readonly string[]): void {
    const grants = signed.map((credentialJwt) => readHeldGrant({ id: "", holderDid: holder, credentialJwt }));
    this.#borrowed.set(
      holder,
      grants.filter((grant) => grant !== undefined),
    );
  }

  /** Forgets the stored grants of a holder, or of all. The next call of {@link of} reads them again. */
  refresh(holder?: string): void {
    if (holder === undefined) this.#cached.clear();
    else this.#cached.delete(holder);
  }

  /** Unless it was refreshed during the read. */
  #replace(holder: string, entry: Cached, next: Cached): void {
    if (this.#cached.get(holder) === entry) this.#cached.set(holder, next);
  }

  get #failureMs(): number {
    const { cacheMs, readTimeoutMs } = this.#options;
    return Math.min(cacheMs, Math.max(FAILURE_MS, readTimeoutMs));
  }

  async #read(holder: string): Promise<SelectGrants> {
    const { read, readTimeoutMs } = this.#options;
    const [stored, grants] = await Promise.all([read(holder, AbortSignal.timeout(Math.min(readTimeoutMs, MAX_TIMER_MS))), loadGrants()]);
    const held: readonly HeldGrant[] = stored.map(readHeldGrant).filter((grant) => grant !== undefined);
    return (subject) => {
      const { to, type } = subject;
      const selected = selectGrants([...(this.#borrowed.get(holder) ?? []), ...held], subject, grants.scopeCovers, Date.now());
      // The spread comes last: see "Objects" in bench/README.md.
      return { explain: () => explainGrants(stored, { to, type }, holder, grants), ...selected };
    };
  }
}

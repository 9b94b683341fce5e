import { deferred, type Deferred, FairShare, type FairShareLease } from "@parley/core/internal";
import { CredentialError } from "./credential-error.ts";

/** Verifications of one owner that wait at most. */
const MAX_WAITING = 1024;

/** A caller that waits for a slot. */
interface Waiting {
  readonly granted: Deferred<FairShareLease>;
  readonly owner: string;
}

/** Slots for verifications that run at the same time. One owner may use a quarter, and an eighth is reserved for owners without any. */
export class VerificationSlots {
  readonly #share: FairShare;
  /** By owner, in their order. Owners take turns: the first one is next. */
  readonly #waiting = new Map<string, Waiting[]>();

  /** @param total of all owners. */
  constructor(total: number) {
    this.#share = new FairShare({ total, perOwner: Math.max(1, Math.floor(total / 4)) });
  }

  /**
   * Takes a slot for an owner.
   *
   * @param waits whether to wait for one, behind the owner's others.
   * @param signal aborts the wait; the promise rejects with its reason.
   * @throws CredentialError `busy`
   */
  async take(owner: string, waits: boolean, signal: AbortSignal): Promise<FairShareLease> {
    const line = this.#waiting.get(owner) ?? [];
    const lease = line.length === 0 ? this.#share.tryAcquire(owner) : undefined;
    if (lease !== undefined) return lease;
    if (!waits || line.length >= MAX_WAITING) throw new CredentialError("busy", "Too much is being verified at once");
    const waiting: Waiting = { granted: deferred<FairShareLease>(), owner };
    this.#waiting.set(owner, line);
    line.push(waiting);
    const leave = (): void => {
      this.#remove(waiting);
      waiting.granted.reject(signal.reason as Error);
    };
    signal.addEventListener("abort", leave);
    try {
      return await waiting.granted.promise;
    } finally {
      signal.removeEventListener("abort", leave);
    }
  }

  /** Gives a slot back, to those who wait. */
  release(lease: FairShareLease): void {
    lease.release();
    for (const [owner, [first]] of this.#waiting) {
      const next = this.#share.tryAcquire(owner);
      if (next === undefined || first === undefined) continue;
      this.#remove(first);
      const rest = this.#waiting.get(owner);
      if (rest !== undefined) {
        this.#waiting.delete(owner);
        this.#waiting.set(owner, rest);
      }
      first.granted.resolve(next);
      return;
    }
  }

  #remove(waiting: Waiting): void {
    const line = this.#waiting.get(waiting.owner);
    const index = line?.indexOf(waiting) ?? -1;
    if (index >= 0) line?.splice(index, 1);
    if (line?.length === 0) this.#waiting.delete(waiting.owner);
  }
}

import type { Probe } from "../routing/deliver/consumer.ts";

/** The link of a {@link ProbeQueue}. */
export interface ProbedLink {
  /** Resolves once the client has received everything that was written; stays pending if the link breaks before. */
  confirm(): Promise<void>;
}

/** Sends pushes that may break a link one at a time, across all topics of the link. Pushes queued when the link breaks are dropped. */
export class ProbeQueue {
  readonly #link: ProbedLink;
  readonly #waiting: Probe[] = [];
  #busy = false;

  constructor(link: ProbedLink) {
    this.#link = link;
  }

  add(probe: Probe): void {
    this.#waiting.push(probe);
    if (this.#busy) return;
    this.#busy = true;
    this.#schedule();
  }

  /** Runs after this turn of the event loop, in which several topics may add a probe; the least suspicious one is sent first. */
  #schedule(): void {
    setImmediate(() => this.#next());
  }

  #next(): void {
    const probe = this.#waiting.toSorted((a, b) => a.strikes - b.strikes || a.bytes - b.bytes)[0];
    if (probe === undefined) {
      this.#busy = false;
      return;
    }
    this.#waiting.splice(this.#waiting.indexOf(probe), 1);
    if (!probe.send()) return this.#schedule();
    void this.#link.confirm().then(() => probe.arrived(() => this.#schedule()));
  }
}

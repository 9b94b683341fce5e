/** Announces changes of stored credentials: one announcement for all changes of a holder in one turn of the event loop. */
export class WalletChanges {
  readonly #announce: (holderDid: string) => void;
  readonly #changed = new Set<string>();

  constructor(announce: (holderDid: string) => void) {
    this.#announce = announce;
  }

  changed(holderDid: string): void {
    if (this.#changed.size === 0) setImmediate(() => this.#announceAll());
    this.#changed.add(holderDid);
  }

  #announceAll(): void {
    const changed = [...this.#changed];
    this.#changed.clear();
    for (const holderDid of changed) this.#announce(holderDid);
  }
}

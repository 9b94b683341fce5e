import type { ConnectionEvents, ParleyError } from "@parley/core";

/** Collects what a connection reports, and lets tests wait for it. */
export class Recorder implements ConnectionEvents {
  readonly disconnects: ParleyError[] = [];
  readonly faults: { readonly error: ParleyError; readonly raw: unknown }[] = [];
  reconnects = 0;
  #waiting: (() => void)[] = [];

  onDisconnect(reason: ParleyError): void {
    this.disconnects.push(reason);
    this.#changed();
  }

  onReconnect(): void {
    this.reconnects += 1;
    this.#changed();
  }

  onFault(error: ParleyError, raw: unknown): void {
    this.faults.push({ error, raw });
    this.#changed();
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #changed(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

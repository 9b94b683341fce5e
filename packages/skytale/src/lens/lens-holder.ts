import { describeThrown } from "@parley/core/internal";
import type { Lens, LensOptions } from "@parley/lens";

/** Opens and closes a lens. A lens that can't be opened is a warning: the agent works without it. */
export class LensHolder {
  readonly #options: LensOptions;
  readonly #onWarning: (warning: string) => void;
  #lens: Promise<Lens | undefined> | undefined;

  constructor(options: LensOptions, onWarning: ((warning: string) => void) | undefined) {
    this.#options = options;
    this.#onWarning = onWarning ?? ((warning) => void process.stderr.write(`skytale: ${warning}\n`));
  }

  /** Without effect if it is open. */
  open(): void {
    this.#lens ??= this.#open();
  }

  async close(): Promise<void> {
    const lens = await this.#lens;
    this.#lens = undefined;
    await lens?.close();
  }

  async #open(): Promise<Lens | undefined> {
    try {
      const { openLens } = await import("@parley/lens");
      return await openLens(this.#options);
    } catch (error) {
      this.#onWarning(`no lens for the console: ${describeThrown(error)}`);
      return undefined;
    }
  }
}

/** Lets tests wait for a condition that depends on recorded events. */
export class Changes {
  readonly #watchers = new Set<() => void>();

  /** Called after each recorded event. */
  notify(): void {
    for (const watcher of this.#watchers) watcher();
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => {
        const watcher = (): void => {
          this.#watchers.delete(watcher);
          resolve();
        };
        this.#watchers.add(watcher);
      });
    }
  }
}

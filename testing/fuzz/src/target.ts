/** Code under test, with inputs to start from. */
export interface Target {
  /** How inputs are changed: as JSON values, or as bytes. */
  readonly format: "json" | "bytes";
  readonly seeds: readonly Uint8Array[];
  /** Branches that an input may take: `base`, and `perByte` for each of its bytes. */
  readonly work: { readonly base: number; readonly perByte: number };
  /** Runs one input. Rejects only where something is wrong: errors that the code under test promises are caught here. */
  run(input: Uint8Array): Promise<void>;
  close?(): Promise<void>;
}

/** Makes a target ready. Every file in `test/targets` exports one as `open`. */
export type OpenTarget = () => Promise<Target>;

/** Runs code that may throw errors of these classes and no others. `undefined` where it did. */
export async function tolerate<T>(
  classes: readonly (abstract new (...args: never[]) => Error)[],
  run: () => T | Promise<T>,
): Promise<T | undefined> {
  try {
    return await run();
  } catch (error) {
    if (classes.some((expected) => error instanceof expected)) return undefined;
    throw error;
  }
}

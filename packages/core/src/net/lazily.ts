import "../supported-node.ts";
import { statSync } from "node:fs";

/**
 * Defers the import of modules until they are used, so that importing a package stays fast.
 *
 * On Node 20, `import()` does not follow symbolic links, such as those in pnpm's node_modules, if the last file that the program asked `stat`
 * about is a socket. So this asks about a directory first.
 *
 * @param load calls `import()` with a literal path, which bundlers can resolve.
 * @returns a function that imports on its first call, and returns the same promise on every call.
 */
export function lazily<T>(load: () => Promise<T>): () => Promise<T> {
  let loaded: Promise<T> | undefined;
  return () => {
    if (loaded === undefined) {
      statSync("/", { throwIfNoEntry: false });
      loaded = load();
    }
    return loaded;
  };
}

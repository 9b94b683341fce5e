import { statSync } from "node:fs";

/**
 * Once Node 20 has looked at a socket, as the lock of a data directory is one, its next `import()` follows no symbolic links, and with
 * pnpm finds nothing. The adapter imports the SDK when it is first used; a look at anything else in between mends that.
 */
export function followLinksAgain(): void {
  statSync(".");
}

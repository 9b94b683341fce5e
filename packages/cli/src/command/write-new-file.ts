import { open, rm } from "node:fs/promises";
import { systemReason } from "@parley/core/internal";
import { CliError, usageError } from "../cli-error.ts";

/**
 * Writes chunks to a new file of mode 0600, durably, and removes the file if they break off. Returns the number of bytes.
 *
 * @throws CliError `usage`: the file can't be created; `export_failed`; errors of `chunks` before the first chunk
 */
export async function writeNewFile(file: string, chunks: AsyncIterable<string | Uint8Array>): Promise<number> {
  const iterator = chunks[Symbol.asyncIterator]();
  let next = await iterator.next();
  const target = await open(file, "wx", 0o600).catch(async (error: unknown) => {
    await iterator.return?.();
    throw usageError(`${file} cannot be created: ${systemReason(error)}`, "name a file that does not exist");
  });
  let bytes = 0;
  try {
    while (next.done !== true) {
      await target.writeFile(next.value);
      bytes += Buffer.byteLength(next.value);
      next = await iterator.next();
    }
    await target.sync();
  } catch (error) {
    await rm(file, { force: true });
    throw brokenOff(error);
  } finally {
    await target.close();
  }
  return bytes;
}

/** An export ended before its end. */
export function brokenOff(error: unknown): CliError {
  return new CliError("export_failed", `the export broke off: ${systemReason(error)}`, { remedy: "export again", cause: error });
}

import { concatBytes } from "@parley/core/internal";
import { VcError } from "../vc-error.ts";

/**
 * Decompresses a status list. Stops at `maxBytes`.
 *
 * @param format `deflate` is that of zlib.
 * @throws VcError `status_invalid`, `too_large`
 */
export async function inflate(
  compressed: Uint8Array<ArrayBuffer>,
  format: "gzip" | "deflate",
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  const reader = new Blob([compressed]).stream().pipeThrough(new DecompressionStream(format)).getReader();
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      const chunk = next.value as Uint8Array;
      length += chunk.length;
      if (length > maxBytes) break;
      chunks.push(chunk);
    }
  } catch (error) {
    throw new VcError("status_invalid", `The status list is not valid ${format === "gzip" ? "gzip" : "zlib"}`, { cause: error });
  }
  if (length > maxBytes) {
    // Stops the decompression. Errors after that do not matter.
    reader.cancel().catch(() => {});
    throw new VcError("too_large", `The status list has more than ${maxBytes} bytes`);
  }
  return concatBytes(chunks);
}

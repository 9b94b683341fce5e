import { isJsonObject, type JsonObject } from "@parley/core";
import { systemReason } from "@parley/core/internal";
import { type FoundLens, removeIfEnded } from "./announcement.ts";
import type { LensReport } from "./report.ts";

/** The report of a lens, or the reason for its absence. */
export type LensResult = { readonly ok: true; readonly report: LensReport } | { readonly ok: false; readonly reason: string };

const TIMEOUT_MS = 2000;
const MAX_REPORT_BYTES = 2 * 1024 * 1024;
/** Lists of a report, by its kind. */
const LISTS: Readonly<Record<string, string>> = { channels: "channels", bridges: "bridges" };

/** Asks a lens. Returns `undefined` if its process has ended; its announcement is then removed. */
export async function readLens(lens: FoundLens): Promise<LensResult | undefined> {
  try {
    const response = await fetch(`${lens.url}/report`, {
      headers: { authorization: `Bearer ${lens.token}` },
      redirect: "error",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (!response.ok) {
      await response.body?.cancel();
      return { ok: false, reason: `the agent's lens answered with HTTP ${response.status}` };
    }
    const value: unknown = JSON.parse(await readText(response));
    if (isJsonObject(value) && isReport(value)) return { ok: true, report: value as unknown as LensReport };
    return { ok: false, reason: "the agent's lens sent no report: it may be of another version" };
  } catch (error) {
    if (await removeIfEnded(lens)) return undefined;
    const isLate = error instanceof Error && error.name === "TimeoutError";
    return { ok: false, reason: isLate ? `no answer within ${TIMEOUT_MS / 1000} s: the agent is busy or stopped` : reasonOf(error) };
  }
}

/** A list of objects, whose members the page reads. */
function isReport({ kind, ...rest }: JsonObject): boolean {
  const list = typeof kind === "string" && Object.hasOwn(LISTS, kind) ? rest[LISTS[kind] ?? ""] : undefined;
  return Array.isArray(list) && list.every(isJsonObject);
}

/** @throws RangeError if it is too large */
async function readText(response: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    size += part.length;
    if (size > MAX_REPORT_BYTES) throw new RangeError(`the agent's report exceeds ${MAX_REPORT_BYTES} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
}

function reasonOf(error: unknown): string {
  if (error instanceof SyntaxError) return "the agent's lens sent no JSON";
  if (error instanceof RangeError) return error.message;
  return `the agent's lens does not answer (${systemReason(error instanceof Error && error.cause !== undefined ? error.cause : error)})`;
}

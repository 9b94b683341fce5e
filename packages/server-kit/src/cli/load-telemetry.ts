import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Telemetry } from "@parley/core";
import { checkOption, describeThrown, IS_TELEMETRY } from "@parley/core/internal";

/**
 * Loads the module of `--telemetry`, which registers an OpenTelemetry SDK and exports what it makes of `@parley/otel`, or another `Telemetry`, as its default.
 *
 * @throws TypeError naming the file and what is wrong
 */
export async function loadTelemetry(path: string): Promise<Telemetry> {
  let loaded: { readonly default?: unknown };
  try {
    loaded = (await import(pathToFileURL(resolve(path)).href)) as { readonly default?: unknown };
  } catch (cause) {
    throw new TypeError(`--telemetry ${path}: ${describeThrown(cause)}`, { cause });
  }
  const exported = loaded.default ?? null;
  checkOption(`--telemetry ${path}: its default export`, exported, IS_TELEMETRY);
  return exported as Telemetry;
}

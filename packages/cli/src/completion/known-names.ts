import { isJsonObject, type JsonObject } from "@parley/core";
import { adminUrlOf, findSettings } from "../settings/settings.ts";

/** How long a server may take, in milliseconds: the user waits for the list. */
const PATIENCE_MS = 1500;

/**
 * DIDs of the node, from its admin server, or channels of the account, from the API server. None if the settings have no such server, or it does
 * not answer in time.
 */
export async function knownNames(
  what: "did" | "channel",
  { environment, context }: { readonly environment: Readonly<NodeJS.ProcessEnv>; readonly context: string | undefined },
): Promise<readonly string[]> {
  try {
    const settings = await findSettings({ environment, cwd: process.cwd(), context });
    const { SKYTALE_API_URL: api, SKYTALE_API_KEY: key = "" } = settings.source?.variables ?? {};
    const admin = adminUrlOf(settings, "node");
    if (what === "did") return admin === undefined ? [] : await didsOf(new URL(admin));
    return api === undefined ? [] : namesIn(await get(new URL("/v1/channels", api), key), "channels", "name");
  } catch {
    return [];
  }
}

async function didsOf({ origin, hash }: URL): Promise<readonly string[]> {
  return namesIn(await get(new URL("/api/read/node/agents", origin), hash.replace(/^#token=/, "")), "agents", "did");
}

async function get(url: URL, bearer: string): Promise<JsonObject> {
  const response = await fetch(url, {
    headers: { authorization: `Bearer ${bearer}` },
    redirect: "manual",
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  const value: unknown = await response.json();
  return response.ok && isJsonObject(value) ? value : {};
}

/** Names are printed to a shell: only those without spaces and control characters. */
function namesIn(value: JsonObject, list: string, member: string): readonly string[] {
  const items = value[list];
  const names = Array.isArray(items) ? items.flatMap((item) => (isJsonObject(item) ? (item[member] ?? []) : [])) : [];
  return names.filter((name): name is string => typeof name === "string" && /^[!-~]+$/.test(name));
}

import { isJsonObject, type JsonObject } from "@parley/core";
import { CliError, EXIT } from "../cli-error.ts";
import type { SkytaleServerSettings } from "./server-settings.ts";

/** A call of the API server. */
interface ApiCall {
  readonly method?: "GET" | "POST";
  readonly body?: object;
  readonly signal: AbortSignal;
}

/**
 * Calls the API server with the key of the account.
 *
 * @throws CliError with the code of the server; Node's error if it can't be reached; the signal's reason
 */
export async function callApi(
  { apiUrl, apiKey }: Pick<SkytaleServerSettings, "apiUrl" | "apiKey">,
  path: string,
  { method = "GET", body, signal }: ApiCall,
): Promise<JsonObject> {
  const response = await fetch(new URL(path, apiUrl), {
    method,
    headers: { authorization: `Bearer ${apiKey}`, ...(body !== undefined && { "content-type": "application/json" }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    redirect: "manual",
    signal,
  });
  const value: unknown = await response.json().catch(() => undefined);
  const answer = isJsonObject(value) ? value : {};
  if (response.ok) return answer;
  const { code, error } = answer;
  const exit = response.status < 500 ? EXIT.refused : EXIT.failed;
  const reason = typeof error === "string" ? error : `the API server answered HTTP ${response.status}`;
  const remedy = response.status === 401 ? "check SKYTALE_API_KEY: `parley doctor` shows which one is used" : undefined;
  throw new CliError(typeof code === "string" ? code : "server_error", reason.replaceAll(apiKey, "…"), { exit, remedy });
}

/** All items of a list that the API server gives in pages. */
export async function listAll(
  server: Pick<SkytaleServerSettings, "apiUrl" | "apiKey">,
  path: string,
  { member, signal }: { readonly member: string; readonly signal: AbortSignal },
): Promise<readonly JsonObject[]> {
  const all: JsonObject[] = [];
  for (let after: string | undefined; ;) {
    const separator = path.includes("?") ? "&" : "?";
    const page = await callApi(server, after === undefined ? path : `${path}${separator}after=${encodeURIComponent(after)}`, { signal });
    const { [member]: items, next } = page;
    if (Array.isArray(items)) all.push(...items.filter((item) => isJsonObject(item)));
    if (typeof next !== "string" || next === after || !Array.isArray(items) || items.length === 0) return all;
    after = next;
  }
}

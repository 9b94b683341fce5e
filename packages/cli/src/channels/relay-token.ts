import { CliError, EXIT } from "../cli-error.ts";
import { callApi } from "./call-api.ts";
import type { SkytaleServerSettings } from "./server-settings.ts";

/** Gets a token for the relay from the API server. @throws CliError as {@link callApi}, `token_missing` */
export async function relayToken(server: Pick<SkytaleServerSettings, "apiUrl" | "apiKey">, signal: AbortSignal): Promise<string> {
  const { token } = await callApi(server, "/v1/tokens", { method: "POST", body: { audience: ["skytale-relay"] }, signal });
  if (typeof token === "string") return token;
  throw new CliError("token_missing", "the API server gave no token for the relay", { exit: EXIT.failed });
}

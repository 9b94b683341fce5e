import { once } from "node:events";
import { isJsonObject } from "@parley/core";
import { canonicalDid } from "@parley/did";
import { z } from "zod";
import { CliError, EXIT, usageError } from "../cli-error.ts";
import type { Runtime } from "../command/runtime.ts";
import { brokenOff, writeNewFile } from "../command/write-new-file.ts";
import { requireNode, type NodeOptions } from "../messages/node-settings.ts";
import { printable } from "../output/printable.ts";
import { readServerUrl } from "../settings/server-url.ts";
import type { AuditExportOutput, AuditHeadOutput } from "./audit-output.ts";

/** Options of commands that read the chain of an agent. */
interface AgentOptions extends NodeOptions {
  /** Milliseconds. */
  readonly timeout: number;
}

/** Writes the chain of an agent to a new file, and removes the file if the export breaks off. `-` is standard output, without a result. */
export async function exportAudit(runtime: Runtime, options: AgentOptions & { readonly peer?: string }, file: string): Promise<void> {
  const { did, response } = await call(runtime, options, "export", options.peer);
  if (file === "-") return print(runtime, response);
  const bytes = await writeNewFile(file, (response.body ?? []) as AsyncIterable<Uint8Array>);
  const result: AuditExportOutput = { did, file, bytes };
  runtime.output.data(result, () => `${file}\t${bytes} bytes`);
}

/** @throws CliError `export_failed`: what was printed has no signed head */
async function print({ signal, stoppedBy }: Runtime, { body }: Response): Promise<void> {
  try {
    for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
      if (!process.stdout.write(chunk)) await once(process.stdout, "drain", { signal });
    }
  } catch (error) {
    if (stoppedBy() !== "SIGPIPE") throw brokenOff(error);
  }
}

const HEAD = z.looseObject({ seq: z.number(), head: z.string() });

/** Prints the signed head of the chain of an agent. */
export async function printHead(runtime: Runtime, options: AgentOptions): Promise<void> {
  const { did, response } = await call(runtime, options, "head");
  const { seq: entries, head } = HEAD.parse(await response.json());
  const result: AuditHeadOutput = { did, entries, head };
  runtime.output.data(result, () => head);
}

/** @throws CliError `usage` */
function checkDid(given: string, name: string): string {
  const did = canonicalDid(given);
  if (did === undefined) throw usageError(`${name} is not a DID: ${printable(given)}`, "a DID looks like did:web:example.com:alice");
  if (did !== given) throw usageError(`${name} is not in its canonical spelling: ${printable(given)}`, `give ${printable(did)}`);
  return did;
}

async function call(
  runtime: Runtime,
  options: AgentOptions,
  path: "head" | "export",
  peer?: string,
): Promise<{ readonly did: string; readonly response: Response }> {
  const { nodeUrl, apiKey, agentDid } = await requireNode(runtime, options);
  const did = agentDid && checkDid(agentDid, options.as === undefined ? "LAYR8_AGENT_DID" : "--as");
  if (peer !== undefined) checkDid(peer, "--peer");
  if (did === undefined)
    throw new CliError("did_missing", "no DID is known to act as", { exit: EXIT.usage, remedy: "give --as <did>, or set LAYR8_AGENT_DID" });
  const url = readServerUrl(nodeUrl);
  if (url === undefined) throw usageError("LAYR8_NODE_URL is not a URL");
  url.pathname = `/api/v1/audit/${path}`;
  url.search = new URLSearchParams({ did, ...(peer !== undefined && { peer }) }).toString();
  const signal = AbortSignal.any([runtime.signal, AbortSignal.timeout(options.timeout)]);
  const response = await fetch(url, { headers: { "x-api-key": apiKey }, redirect: "manual", signal }).catch((error: unknown) => {
    if (signal.aborted) throw new CliError("timeout", "the node did not answer in time", { exit: EXIT.timedOut, cause: error });
    throw new CliError("network", `the node at ${url.origin} can't be reached`, { exit: EXIT.unreachable, cause: error });
  });
  if (response.ok) return { did, response };
  const value: unknown = await response.json().catch(() => undefined);
  const { code, error } = isJsonObject(value) ? value : {};
  throw new CliError(
    typeof code === "string" ? code : "server_error",
    typeof error === "string" ? error : `the node answered HTTP ${response.status}`,
    { exit: response.status < 500 ? EXIT.refused : EXIT.failed },
  );
}

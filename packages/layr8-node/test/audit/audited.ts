import { request } from "node:http";
import { type AuditEntry, type AuditKey, type AuditReport, verifyAudit } from "@parley/audit";
import { findVerificationMethod, parseDidDocument, publicKeyJwk } from "@parley/did";
import type { Layr8Node } from "../../src/layr8-node.ts";
import { KEY } from "../federation/pair.ts";

type Reached = Pick<Layr8Node, "httpUrl">;

/** The lines of the export of an agent. */
export async function exportOf(node: Reached, did: string, peer?: string, apiKey = KEY): Promise<string[]> {
  const query = new URLSearchParams({ did, ...(peer !== undefined && { peer }) });
  const response = await fetch(`${node.httpUrl}/api/v1/audit/export?${query.toString()}`, { headers: { "x-api-key": apiKey } });
  const text = await response.text();
  if (!response.ok) throw new Error(text);
  return text.trimEnd().split("\n");
}

/** The entries of an agent, as the REST API lists them. */
export async function entriesOf(node: Reached, did: string, apiKey = KEY): Promise<AuditEntry[]> {
  const entries: AuditEntry[] = [];
  for (let after: number | undefined = 0; after !== undefined;) {
    const query = new URLSearchParams({ did, after: String(after), limit: "7" });
    const response = await fetch(`${node.httpUrl}/api/v1/audit/entries?${query.toString()}`, { headers: { "x-api-key": apiKey } });
    const page = (await response.json()) as { readonly entries: readonly AuditEntry[]; readonly next?: number };
    entries.push(...page.entries);
    after = page.next;
  }
  return entries;
}

/** The kinds of the entries about a message. */
export function kindsOf(entries: readonly AuditEntry[], id: string): string[] {
  return entries.filter((entry) => entry.id === id).map(({ kind, code }) => (code === undefined ? kind : `${kind} ${code}`));
}

/** The signing key in the document that a node serves. */
export async function keyOf({ httpUrl }: Reached, did: string): Promise<AuditKey> {
  const [, , host = "", ...path] = did.split(":");
  const text = await new Promise<string>((resolve, reject) => {
    const options = { path: `/${path.join("/")}/did.json`, headers: { host: decodeURIComponent(host) }, agent: false };
    request(httpUrl, options, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (chunk: string) => (body += chunk));
      response.on("end", () => resolve(body));
    })
      .on("error", reject)
      .end();
  });
  const method = findVerificationMethod(parseDidDocument(JSON.parse(text), did), `${did}#signing`, "assertionMethod");
  if (method === undefined) throw new Error(`no key of ${did}`);
  return { kty: "OKP", crv: "Ed25519", x: publicKeyJwk(method).x };
}

/** Verifies the exports of both parties. */
export function compare(
  left: readonly string[],
  right: readonly string[],
  keys?: Readonly<Record<string, AuditKey>>,
): Promise<AuditReport> {
  const sides = [
    { name: "a", lines: left },
    { name: "b", lines: right },
  ];
  return verifyAudit(sides, { keyOf: (agent) => keys?.[agent], clockSkewMs: 0 });
}

import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { type AuditFinding, type AuditKey, type AuditReport, type AuditSide, readHead, verifyAudit } from "@parley/audit";
import { isJsonObject } from "@parley/core";
import { systemReason } from "@parley/core/internal";
import { type DidDocument, DidError, findVerificationMethod, parseDidDocument, publicKeyJwk } from "@parley/did";
import { CliError, EXIT, type ExitCode, usageError } from "../cli-error.ts";
import { readTextInput } from "../command/read-input.ts";
import { rejectUnused } from "../command/reject-unused.ts";
import type { Runtime } from "../command/runtime.ts";
import { splitLines } from "../command/split-lines.ts";
import { findDocument, type ResolveOptions } from "../did/did.ts";
import { isLocalDid, ONLY_LOCAL } from "../did/local-hosts.ts";
import type { Paint } from "../output/colours.ts";
import { printable } from "../output/printable.ts";

/** Options of `parley audit verify`. */
interface VerifyOptions extends ResolveOptions {
  readonly didDocument: readonly string[];
  readonly resolve?: boolean;
  readonly head: readonly string[];
  /** Milliseconds. */
  readonly clockSkew: number;
  readonly maxEntries: number;
}

/** Verifies one export, or compares two. Exit code 1 if anything was found. @throws CliError `usage`; DidError */
export async function verifyExports(runtime: Runtime, options: VerifyOptions, file: string, other?: string): Promise<ExitCode> {
  if (other === undefined) rejectUnused(runtime, ["--clock-skew"], "there is one export, whose times are compared with no others");
  if (options.resolve !== true) rejectUnused(runtime, ["--context", "--timeout"], "nothing is fetched without --resolve");
  const files = other === undefined ? [file] : [file, other];
  const documents = await readDocuments(options.didDocument);
  const heads = await Promise.all(options.head.map(readKeptHead));
  const fetched: string[] = [];
  const findKey = async (agent: string, keyId: string): Promise<AuditKey | undefined> => {
    const given = documents.find(({ id }) => id === agent);
    if (given !== undefined) return keyIn(given, keyId);
    const isInDid = agent.startsWith("did:key:");
    if (!isInDid && options.resolve !== true) return undefined;
    if (!isInDid) fetched.push(agent);
    return keyIn(await resolveParty(runtime, options, agent), keyId);
  };
  const report = await verifyAudit(
    files.map((name) => ({ name, lines: linesOf(name) })),
    { heads, clockSkewMs: options.clockSkew, maxEntries: options.maxEntries, keyOf: findKey },
  );
  checkUse(runtime, report, { documents, fetched });
  for (const { agent, isKeyKnown } of report.sides) {
    if (!isKeyKnown && agent !== undefined)
      runtime.output.note(`The key of ${printable(agent)} is known from its own export only. Give --did-document, or --resolve.`);
  }
  runtime.output.data(report, formatReport);
  return report.ok ? EXIT.ok : EXIT.failed;
}

/** Rejects options that have no effect on these exports, unless a party is not known: what was found matters more then. @throws CliError `usage` */
function checkUse(
  runtime: Runtime,
  { sides }: AuditReport,
  { documents, fetched }: { readonly documents: readonly DidDocument[]; readonly fetched: readonly string[] },
): void {
  if (sides.some(({ agent }) => agent === undefined)) return;
  const unused = documents.find(({ id }) => sides.every(({ agent }) => agent !== id));
  if (unused !== undefined)
    throw usageError(`the export of ${printable(unused.id)}, whose DID document is given, is missing`, "give the documents of the parties");
  if (fetched.length === 0)
    rejectUnused(runtime, ["--resolve"], "all keys are known, as the parties are did:keys, or by --did-document: nothing is fetched");
  if (!fetched.some(isLocalDid)) rejectUnused(runtime, ["--context"], ONLY_LOCAL);
  if (sides[0]?.channel !== undefined)
    rejectUnused(runtime, ["--clock-skew"], "messages of a channel are compared by their places in its log");
}

/** @throws CliError `usage` */
async function* linesOf(file: string): AsyncGenerator<string> {
  try {
    yield* splitLines(createReadStream(file, "utf8"));
  } catch (error) {
    throw usageError(`${file} cannot be read: ${systemReason(error)}`, "name a file that `parley audit export` has written");
  }
}

/** @throws CliError `usage`; DidError */
async function readDocuments(files: readonly string[]): Promise<readonly DidDocument[]> {
  const documents = await Promise.all(files.map(readDocument));
  const ids = documents.map(({ id }) => id);
  const twice = ids.find((id, index) => ids.indexOf(id) !== index);
  if (twice !== undefined) throw usageError(`there are two documents of ${printable(twice)}`, "give one document for each party");
  return documents;
}

/** @throws CliError `usage`; DidError */
async function readDocument(file: string): Promise<DidDocument> {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(file, "utf8"));
  } catch (error) {
    throw usageError(`${file} is not a DID document: ${systemReason(error)}`, "save one with `parley did resolve <did>`");
  }
  const id = isJsonObject(value) ? value["id"] : undefined;
  if (typeof id !== "string") throw usageError(`${file} is not a DID document: it has no id`, "save one with `parley did resolve <did>`");
  return parseDidDocument(value, id);
}

/** @throws CliError `usage`, without the text */
async function readKeptHead(given: string): Promise<string> {
  const head = (await readTextInput(given)).trim();
  if (readHead("head", head) === undefined)
    throw usageError(
      given === "-" || given.startsWith("@")
        ? `${given === "-" ? "standard input" : given.slice(1)} does not have the signed head of an audit chain`
        : "the value of --head is not the signed head of an audit chain",
      "give what `parley audit head` has printed, or the file that has it as @<file>",
    );
  return head;
}

/** @throws DidError or CliError that names the DID. */
async function resolveParty(runtime: Runtime, options: VerifyOptions, agent: string): Promise<DidDocument> {
  try {
    return await findDocument(runtime, options, agent);
  } catch (error) {
    if (!(error instanceof DidError)) throw error;
    throw new DidError(error.code, `The key of ${printable(agent)} is not known: ${error.message}`, { cause: error });
  }
}

/** The key with this id. The export may name another one than the party signs with: that is found by its signatures. @throws CliError `key_unknown` */
function keyIn(document: DidDocument, keyId: string): AuditKey {
  const { id: did } = document;
  // An export without a signed head does not name its key.
  const key = [keyId, `${did}#signing`, `${did}#${did.slice("did:key:".length)}`]
    .map((id) => signingKey(document, id))
    .find((found) => found !== undefined);
  if (key === undefined)
    throw new CliError("key_unknown", `the DID document of ${printable(document.id)} has no key ${printable(keyId)} that signs`, {
      remedy: "give the document of the time of the export with --did-document",
    });
  return key;
}

function signingKey(document: DidDocument, id: string): AuditKey | undefined {
  const method = findVerificationMethod(document, id, "assertionMethod");
  const key = method && publicKeyJwk(method);
  return key?.crv === "Ed25519" ? { kty: "OKP", crv: "Ed25519", x: key.x } : undefined;
}

function formatReport(report: AuditReport, paint: Paint): string {
  const { ok, sides, findings, omitted, matched, undecided, undecidedHidden } = report;
  const lines = sides.map(formatSide);
  if (sides.length === 2) {
    lines.push(`both sides have ${counted(matched, "message")}`);
    const uncovered = undecided - undecidedHidden;
    if (uncovered > 0)
      lines.push(`undecided: ${counted(uncovered, "message")} of one side, of a time that the other export does not cover`);
    if (undecidedHidden > 0)
      lines.push(`undecided: ${counted(undecidedHidden, "message")} of one side, which may be hidden in the other export`);
  }
  lines.push(...findings.map((finding) => formatFinding(finding, paint)));
  if (omitted > 0) lines.push(counted(omitted, "more finding"));
  lines.push(ok ? conclusion(report, paint) : paint("red", counted(findings.length + omitted, "finding")));
  return lines.join("\n");
}

function conclusion({ undecidedHidden }: AuditReport, paint: Paint): string {
  return undecidedHidden > 0
    ? paint("yellow", "nothing was found in the entries that are not hidden")
    : paint("green", "nothing was changed");
}

function formatSide({ name, agent, channel, entries, first, last, signedAt, peer, hidden, removed }: AuditSide): string {
  const range = first === undefined ? "no entries" : `${counted(entries, "entry", "entries")}, ${first} to ${last ?? first}`;
  const more = [
    ...(hidden > 0 ? [`${hidden} hidden${peer === undefined ? "" : ` (exported for ${printable(peer)})`}`] : []),
    signedAt === undefined ? "not signed" : `signed at ${signedAt}`,
    ...(removed > 0 ? [`${removed} removed by retention`] : []),
  ];
  const about = channel === undefined ? "" : ` on ${printable(channel)}`;
  return `${name}: ${agent === undefined ? "party not known, since the first line can't be read" : printable(agent)}${about}: ${range}, ${more.join(", ")}`;
}

function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

function formatFinding({ kind, side, seq, last, line, id, detail }: AuditFinding, paint: Paint): string {
  const place = seq === undefined ? (line === undefined ? "" : ` line ${line}`) : ` entry ${seq}${last === undefined ? "" : ` to ${last}`}`;
  return `${paint("red", kind)}\t${side}${place}\t${printable(detail)}${id === undefined ? "" : `\tid=${printable(id)}`}`;
}

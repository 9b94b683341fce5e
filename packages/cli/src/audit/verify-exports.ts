import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { type AuditFinding, type AuditKey, type AuditReport, type AuditSide, verifyAudit } from "@parley/audit";
import { systemReason } from "@parley/core/internal";
import { type DidDocument, findVerificationMethod, parseDidDocument, publicKeyJwk } from "@parley/did";
import { CliError, EXIT, type ExitCode, usageError } from "../cli-error.ts";
import { readTextInput } from "../command/read-input.ts";
import type { Runtime } from "../command/runtime.ts";
import { findDocument, type ResolveOptions } from "../did/did.ts";
import type { Paint } from "../output/colours.ts";
import { printable } from "../output/printable.ts";

/** Options of `parley audit verify`. */
interface VerifyOptions extends ResolveOptions {
  readonly didDocument: readonly string[];
  readonly resolve?: boolean;
  readonly head: readonly string[];
  /** Milliseconds. */
  readonly clockSkew: number;
}

/** Verifies one export, or compares two. Exit code 1 if anything was found. */
export async function verifyExports(runtime: Runtime, options: VerifyOptions, file: string, other?: string): Promise<ExitCode> {
  const files = other === undefined ? [file] : [file, other];
  const documents = await Promise.all(options.didDocument.map(readDocument));
  const heads = await Promise.all(options.head.map(async (head) => (await readTextInput(head)).trim()));
  const report = await verifyAudit(
    files.map((name) => ({ name, lines: linesOf(name) })),
    {
      heads,
      clockSkewMs: options.clockSkew,
      keyOf: async (agent, keyId) => {
        const document =
          documents.find(({ id }) => id === agent) ?? (options.resolve === true ? await findDocument(runtime, options, agent) : undefined);
        return document && keyIn(document, keyId);
      },
    },
  );
  for (const { agent, isKeyKnown } of report.sides) {
    if (!isKeyKnown && agent !== undefined)
      runtime.output.note(`The key of ${printable(agent)} is known from its own export only. Give --did-document, or --resolve.`);
  }
  runtime.output.data(report, formatReport);
  return report.ok ? EXIT.ok : EXIT.failed;
}

/** @throws CliError `usage` */
async function* linesOf(file: string): AsyncGenerator<string> {
  try {
    yield* createInterface({ input: createReadStream(file, "utf8"), crlfDelay: Number.POSITIVE_INFINITY });
  } catch (error) {
    throw usageError(`${file} cannot be read: ${systemReason(error)}`, "name a file that `parley audit export` has written");
  }
}

/** @throws CliError `usage`; DidError */
async function readDocument(file: string): Promise<DidDocument> {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(file, "utf8"));
  } catch (error) {
    throw usageError(`${file} is not a DID document: ${systemReason(error)}`, "save one with `parley did resolve <did>`");
  }
  const { id } = value as { readonly id?: unknown };
  return parseDidDocument(value, typeof id === "string" ? id : "");
}

/** @throws CliError `key_unknown` */
function keyIn(document: DidDocument, keyId: string): AuditKey {
  const method = findVerificationMethod(document, keyId, "assertionMethod");
  const key = method && publicKeyJwk(method);
  if (key?.crv !== "Ed25519")
    throw new CliError("key_unknown", `the DID document of ${printable(document.id)} has no key ${printable(keyId)} that signs`, {
      remedy: "give the document of the time of the export with --did-document",
    });
  return { kty: "OKP", crv: "Ed25519", x: key.x };
}

function formatReport({ ok, sides, findings, omitted, matched, undecided }: AuditReport, paint: Paint): string {
  const lines = sides.map(formatSide);
  if (sides.length === 2) {
    lines.push(`both sides have ${matched} messages`);
    if (undecided > 0) lines.push(`${undecided} messages of one side are of a time that the other export does not cover`);
  }
  lines.push(...findings.map((finding) => formatFinding(finding, paint)));
  if (omitted > 0) lines.push(`${omitted} more findings`);
  lines.push(ok ? paint("green", "nothing was changed") : paint("red", `${findings.length + omitted} findings`));
  return lines.join("\n");
}

function formatSide({ name, agent = "unknown", entries, first, last, signedAt, removed }: AuditSide): string {
  const range = first === undefined ? "no entries" : `${entries} entries, ${first} to ${last ?? first}`;
  const more = [
    signedAt === undefined ? "not signed" : `signed at ${signedAt}`,
    ...(removed > 0 ? [`${removed} removed by retention`] : []),
  ];
  return `${name}: ${printable(agent)}: ${range}, ${more.join(", ")}`;
}

function formatFinding({ kind, side, seq, last, line, id, detail }: AuditFinding, paint: Paint): string {
  const place = seq === undefined ? (line === undefined ? "" : ` line ${line}`) : ` entry ${seq}${last === undefined ? "" : ` to ${last}`}`;
  return `${paint("red", kind)}\t${side}${place}\t${printable(detail)}${id === undefined ? "" : `\tid=${printable(id)}`}`;
}

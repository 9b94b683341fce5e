import { isJsonObject, type JsonObject } from "@parley/core";
import {
  CredentialsClient,
  decodeCredential,
  VcError,
  verifyLocally,
  type Credential,
  type CredentialFormat,
  type CredentialState,
  type StoredCredential,
} from "layr8";
import { CliError, EXIT, usageError } from "../cli-error.ts";
import { readJsonInput, readTextInput } from "../command/read-input.ts";
import { rejectUnused } from "../command/reject-unused.ts";
import type { Runtime } from "../command/runtime.ts";
import { isLocalDid, localHosts, ONLY_LOCAL } from "../did/local-hosts.ts";
import { requireNode, type NodeOptions } from "../messages/node-settings.ts";
import { printable } from "../output/printable.ts";
import type { SignedOutput, StatusOutput, StoredOutput, VerifiedOutput, WalletOutput } from "./credential-output.ts";

/** Options of all commands for credentials. */
interface CredentialOptions extends NodeOptions {
  /** Milliseconds. */
  readonly timeout: number;
}

/** Has the node sign a credential. */
export async function signCredential(
  runtime: Runtime,
  options: CredentialOptions & { readonly format: CredentialFormat; readonly revocable?: boolean },
  given: string,
): Promise<void> {
  const { format, revocable = false } = options;
  // The client checks the members.
  const credential = (await readJsonInput(given, "the credential")) as Credential;
  await withCredentials(runtime, options, async (client, signal) => {
    const result: SignedOutput = { signed: await client.signCredential(credential, { format, revocable, signal }) };
    runtime.output.data(result, ({ signed }) => signed);
  });
}

/** Revokes, suspends or resumes a credential. */
export async function setCredentialStatus(
  runtime: Runtime,
  options: CredentialOptions,
  given: string,
  status: CredentialState,
): Promise<void> {
  const signed = await readTextInput(given);
  await withCredentials(runtime, options, async (client, signal) => {
    await client.setCredentialStatus(signed, status, { signal });
    const result: StatusOutput = { status };
    runtime.output.data(result, (output) => output.status);
  });
}

/** Verifies a credential. An invalid one is an error with its code. */
export async function verifyCredential(
  runtime: Runtime,
  options: CredentialOptions & { readonly local?: boolean },
  given: string,
): Promise<void> {
  const signed = await readTextInput(given);
  const print = (verified: VerifiedOutput): void =>
    runtime.output.data(verified, ({ credential }) => JSON.stringify(credential, undefined, 2));
  if (options.local === true) {
    const { signal } = runtime;
    const issuers = issuerOf(signed);
    rejectUnused(runtime, ["--as"], "with --local no node is asked");
    if (issuers.length > 0 && !issuers.some(isLocalDid)) rejectUnused(runtime, ["--context"], ONLY_LOCAL);
    const hosts = await localHosts(runtime, issuers, options.context);
    const resolution = { httpForLoopback: true, allow: ["loopback", "private"], hosts } as const;
    const verified = await verifyLocally(signed, { resolution, signal: AbortSignal.any([signal, AbortSignal.timeout(options.timeout)]) });
    if (verified.kind !== "credential") throw usageError("this is a presentation", "give one of its credentials");
    return print({ credential: verified.credential, headers: decodeCredential(signed).headers });
  }
  await withCredentials(runtime, options, async (client, signal) => print(await client.verifyCredential(signed, { signal })));
}

/** Stores a credential in the wallet of the DID. */
export async function storeCredential(runtime: Runtime, options: CredentialOptions, given: string): Promise<void> {
  const signed = await readTextInput(given);
  await withCredentials(runtime, options, async (client, signal) => {
    runtime.output.data(storedOutput(await client.storeCredential(signed, { signal })), ({ id }) => id);
  });
}

/** Lists the wallet of the DID. */
export async function listCredentials(runtime: Runtime, options: CredentialOptions): Promise<void> {
  await withCredentials(runtime, options, async (client, signal) => {
    const wallet: WalletOutput = { credentials: (await client.listCredentials({ signal })).map(storedOutput) };
    runtime.output.data(wallet, ({ credentials }) => credentials.map(formatStored).join("\n"), "The wallet is empty.");
  });
}

/** Prints a credential of the wallet. */
export async function showCredential(runtime: Runtime, options: CredentialOptions, id: string): Promise<void> {
  await withCredentials(runtime, options, async (client, signal) => {
    runtime.output.data(storedOutput(await client.getCredential(id, { signal })), ({ signed }) => signed);
  });
}

/** Runs a task with a client for credentials, and closes it. @throws CliError `not_configured`, `did_missing` */
async function withCredentials(
  runtime: Runtime,
  options: CredentialOptions,
  task: (client: CredentialsClient, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const { nodeUrl, apiKey, agentDid: did } = await requireNode(runtime, options);
  if (did === undefined) {
    throw new CliError("did_missing", "no DID is known to act as", { exit: EXIT.usage, remedy: "give --as <did>, or set LAYR8_AGENT_DID" });
  }
  const client = new CredentialsClient({ nodeUrl, apiKey, did, timeoutMs: options.timeout });
  try {
    await task(client, runtime.signal);
  } finally {
    await client.close();
  }
}

/** The DID of the issuer as it is written: its host has the keys and status lists. */
function issuerOf(signed: string): readonly string[] {
  const issuer = decoded(signed)?.["issuer"];
  const id = isJsonObject(issuer) ? issuer["id"] : issuer;
  return typeof id === "string" ? [id] : [];
}

/** The credential as it is written, or nothing if it can't be decoded, which verification reports. */
function decoded(signed: string): JsonObject | undefined {
  try {
    return decodeCredential(signed).credential;
  } catch (error) {
    if (error instanceof VcError) return undefined;
    throw error;
  }
}

function storedOutput({ id, holderDid, issuerDid, validUntil, credentialJwt }: StoredCredential): StoredOutput {
  return {
    id,
    holder: holderDid,
    ...(issuerDid !== undefined && { issuer: issuerDid }),
    ...(validUntil !== undefined && { validUntil }),
    signed: credentialJwt,
  };
}

function formatStored({ id, issuer = "", validUntil = "", signed }: StoredOutput): string {
  return [id, issuer, typesOf(signed), validUntil].map(printable).join("\t").trimEnd();
}

/** The types of a credential beside `VerifiableCredential`. */
function typesOf(signed: string): string {
  const types = [decoded(signed)?.["type"]].flat();
  return types.flatMap((name) => (typeof name === "string" && name !== "VerifiableCredential" ? name : [])).join(" ");
}

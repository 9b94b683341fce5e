import { createDidResolver, DidError, didKeyMethod, didWebMethod, type DidDocument } from "@parley/did";
import { createNodeFetch } from "@parley/did/node";
import { rejectUnused } from "../command/reject-unused.ts";
import type { Runtime } from "../command/runtime.ts";
import { isLocalDid, localHosts, ONLY_LOCAL } from "./local-hosts.ts";

/** Options of commands that look up a DID. */
export interface ResolveOptions {
  readonly context?: string | undefined;
  /** Milliseconds. */
  readonly timeout: number;
}

/**
 * Resolves a DID, also of a host with a private address: the user chooses the DID, and reaches these hosts anyway. Documents below `localhost` are
 * those of the node of the settings.
 *
 * @throws DidError; CliError of settings that can't be read.
 */
export async function findDocument(runtime: Runtime, { context, timeout }: ResolveOptions, did: string): Promise<DidDocument> {
  const hosts = await localHosts(runtime, [did], context);
  const web = didWebMethod({ fetch: createNodeFetch({ allow: ["loopback", "private"] }), httpForLoopback: true, hosts });
  const resolver = createDidResolver({ methods: { ...didKeyMethod(), ...web }, cache: false, timeoutMs: timeout });
  try {
    return await resolver.resolve(did, { signal: runtime.signal });
  } catch (error) {
    const [origin] = Object.values(hosts);
    if (origin === undefined || !(error instanceof DidError)) throw error;
    if (error.code === "not_found") throw new DidError("not_found", `The node at ${origin} has no document for this DID`, { cause: error });
    if (error.code !== "fetch_failed") throw error;
    throw new DidError("fetch_failed", `The DID document cannot be fetched from the node at ${origin}`, { cause: error });
  }
}

/**
 * Prints the document of a DID.
 *
 * @throws DidError; CliError `usage`, and those of settings that can't be read.
 */
export async function resolveDid(runtime: Runtime, options: ResolveOptions, did: string): Promise<void> {
  if (did.startsWith("did:key:")) rejectUnused(runtime, ["--context", "--timeout"], "the document of a did:key is computed from the DID");
  if (did.startsWith("did:web:") && !isLocalDid(did)) rejectUnused(runtime, ["--context"], ONLY_LOCAL);
  runtime.output.data(await findDocument(runtime, options, did), (document) => JSON.stringify(document, undefined, 2));
}

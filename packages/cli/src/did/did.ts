import { createDidResolver, didKeyMethod, didWebMethod, type DidResolver } from "@parley/did";
import { createNodeFetch } from "@parley/did/node";
import type { Runtime } from "../command/runtime.ts";

/** A resolver that also reaches private addresses: the user chooses the DID, and reaches these hosts anyway. */
export function createResolver(timeoutMs: number): DidResolver {
  const web = didWebMethod({ fetch: createNodeFetch({ allow: ["loopback", "private"] }), httpForLoopback: true });
  return createDidResolver({ methods: { ...didKeyMethod(), ...web }, cache: false, timeoutMs });
}

/**
 * Prints the document of a DID.
 *
 * @throws DidError
 */
export async function resolveDid({ output, signal }: Runtime, { timeout }: { readonly timeout: number }, did: string): Promise<void> {
  output.data(await createResolver(timeout).resolve(did, { signal }), (document) => JSON.stringify(document, undefined, 2));
}

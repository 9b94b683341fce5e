import { createDidResolver, didKeyMethod, didWebMethod } from "@parley/did";
import { createNodeFetch } from "@parley/did/node";
import type { Runtime } from "../command/runtime.ts";

/**
 * Prints the document of a DID. Private addresses are allowed: the user chooses the DID, and reaches these hosts anyway.
 *
 * @throws DidError
 */
export async function resolveDid({ output, signal }: Runtime, { timeout }: { readonly timeout: number }, did: string): Promise<void> {
  const web = didWebMethod({ fetch: createNodeFetch({ allow: ["loopback", "private"] }), httpForLoopback: true });
  const resolver = createDidResolver({ methods: { ...didKeyMethod(), ...web }, cache: false, timeoutMs: timeout });
  output.data(await resolver.resolve(did, { signal }), (document) => JSON.stringify(document, undefined, 2));
}

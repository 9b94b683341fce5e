import { describeThrown } from "@parley/core/internal";
import { decodeCredential } from "@parley/vc";
import type { NodeView } from "./node-view.ts";

const MAX_LISTED = 100;

/** What does this DID hold? The signed forms are not shown, because they are enough to present a credential. */
export async function readCredentials({ stores }: NodeView, did: string): Promise<unknown> {
  const { credentials, next } = await stores.credentials.list(did, { limit: MAX_LISTED });
  return {
    did,
    hasMore: next !== undefined,
    credentials: credentials.map(({ id, signed, issuerDid, validUntil }) => ({ id, issuer: issuerDid, validUntil, ...contentOf(signed) })),
  };
}

/** Does a stored credential verify now, and if not at which step? */
export async function verifyStored({ stores, verifier }: NodeView, id: string): Promise<unknown> {
  const found = await stores.credentials.get(id);
  if (found === undefined) return { id, ok: false, code: "credential_unknown", reason: "the node does not store it" };
  try {
    await verifier().verifyCredential(found.signed, { owner: "console" });
    return { id, ok: true };
  } catch (error) {
    const code = typeof error === "object" && error !== null && "code" in error ? String(error.code) : "failed";
    return { id, ok: false, code, reason: describeThrown(error) };
  }
}

function contentOf(signed: string): { readonly types?: readonly string[]; readonly content?: unknown; readonly error?: string } {
  try {
    const { credential } = decodeCredential(signed);
    const types = [credential["type"]].flat().filter((type): type is string => typeof type === "string");
    const { proof: _, ...content } = credential;
    return { types, content };
  } catch (error) {
    return { error: describeThrown(error) };
  }
}

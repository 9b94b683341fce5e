import type { ApiKey } from "../identity/api-keys.ts";
import type { Dids } from "../identity/dids.ts";
import { hostnameOf } from "../identity/similar-did.ts";

/** A join as a child of another DID. */
export interface ChildJoin {
  readonly did: string | undefined;
  readonly parent: string;
  readonly storage: "persistent" | "ephemeral" | undefined;
}

/** Why a DID can't join as a child: a code for programs, and a sentence. */
export interface ChildRefusal {
  readonly code: string;
  readonly comment: string;
}

/**
 * Checks a join with a parent: the child's name is the parent's and one more segment, and the node deletes the child once it is not in use.
 *
 * @param domain of the node, as written in a did:web DID.
 * @returns `undefined` if it is in order.
 * @see layr8/node-sdk, src/child-did.ts
 */
export function checkParent(
  { did = "", parent, storage }: ChildJoin,
  { dids, apiKey, domain }: { readonly dids: Dids; readonly apiKey: ApiKey; readonly domain: string },
): ChildRefusal | undefined {
  const segment = did.startsWith(`${parent}:`) ? did.slice(parent.length + 1) : "";
  if (segment === "" || segment.includes(":")) {
    return { code: "e.join.plugin.child.not-beneath-parent", comment: `a child of ${parent} is named ${parent}:<one segment>` };
  }
  if (storage !== "ephemeral" || dids.get(did)?.storage === "persistent") {
    return { code: "e.join.plugin.child.storage-not-ephemeral", comment: "a DID with a parent must have the storage ephemeral" };
  }
  const found = dids.get(parent);
  if (found === undefined) {
    const isOurs = hostnameOf(parent) === hostnameOf(`did:web:${domain}`);
    return isOurs
      ? { code: "e.join.plugin.parent.not-found", comment: `${parent} was never bound here` }
      : { code: "e.join.plugin.parent.not-hosted-here", comment: `${parent} is hosted by another node` };
  }
  if (found.storage !== "persistent") {
    return { code: "e.join.plugin.parent.not-persistent", comment: `${parent} is ephemeral: only a persistent DID can have children` };
  }
  if (!dids.permits(apiKey, parent)) return { code: "unauthorized", comment: `this API key may not act for ${parent}` };
  return undefined;
}

import type { ConnectOptions } from "@parley/core";

import { requireDid } from "./did-syntax.ts";

/** Digits and letters of Crockford's base32, without those that look like others. */
const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";
const SEGMENT_LENGTH = 12;

/**
 * The DID of an agent, and its parent: the DID is the parent's and one more segment, made at random where the program names none.
 *
 * @throws TypeError if the DID is not directly below the parent.
 * @see layr8/node-sdk, src/child-did.ts
 */
export function childOf(
  agentDid: string | undefined,
  parentDid: string | undefined,
): { readonly agentDid: string | undefined; readonly parent: ConnectOptions["parent"] } {
  if (parentDid === undefined || parentDid === "") return { agentDid, parent: undefined };
  requireDid("Config.parentDid", parentDid);
  if (agentDid === undefined) return { agentDid: `${parentDid}:${randomSegment()}`, parent: { did: parentDid, namedBy: "sdk" } };
  const segment = agentDid.startsWith(`${parentDid}:`) ? agentDid.slice(parentDid.length + 1) : "";
  if (segment === "" || segment.includes(":")) {
    throw new TypeError(
      `Config.agentDid ${agentDid} is not directly below Config.parentDid: name it ${parentDid}:<one segment>, or leave it out`,
    );
  }
  return { agentDid, parent: { did: parentDid, namedBy: "client" } };
}

function randomSegment(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(SEGMENT_LENGTH)), (byte) => ALPHABET[byte % ALPHABET.length]).join("");
}

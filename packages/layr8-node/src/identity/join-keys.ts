import { checkAgentKeys, type AgentKeys, type KeysRefusal, type PresentedKeys } from "./agent-keys.ts";
import type { DidRecord } from "./hosted-did.ts";

/** A join, as far as the keys of its DID are concerned. */
export interface KeysOfJoin {
  readonly did: string;
  /** The node's record of the DID, if it hosts it. */
  readonly found: Pick<DidRecord, "agentKeys"> | undefined;
  /** The keys that the agent presents; `undefined` if the node is to hold them. */
  readonly given: PresentedKeys | undefined;
  /** Whether keys of the node may be replaced. */
  readonly mayReplace: boolean;
}

/** Result of {@link checkJoinKeys}: the keys to set, `undefined` if the node holds them. */
export type JoinKeysResult =
  | { readonly ok: true; readonly keys: AgentKeys | undefined }
  | { readonly ok: false; readonly refusal: KeysRefusal };

/**
 * Checks the keys of an agent that joins as a DID. A DID whose keys are at the node does not become one whose keys are at its agent, unless the join allows it;
 * the other way round, its agent has to be deleted first.
 *
 * @param now milliseconds since 1970.
 */
export async function checkJoinKeys({ did, found, given, mayReplace }: KeysOfJoin, now: number): Promise<JoinKeysResult> {
  if (given === undefined) {
    if (found?.agentKeys === undefined) return { ok: true, keys: undefined };
    return refused("e.join.keys.at-agent", `the agent of ${did} holds its keys itself: join with these keys, or delete the agent first`);
  }
  if (found !== undefined && found.agentKeys === undefined && !mayReplace) {
    const remedy = "delete the agent at the node first, or use another DID. Other agents notice that the keys have changed";
    return refused("e.join.keys.at-node", `the node holds the keys of ${did}: ${remedy}`);
  }
  return checkAgentKeys(did, given, found?.agentKeys, now);
}

function refused(code: KeysRefusal["code"], comment: string): JoinKeysResult {
  return { ok: false, refusal: { code, comment } };
}

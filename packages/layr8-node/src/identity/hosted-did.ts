import type { AgentKeys } from "./agent-keys.ts";
import type { StoredKeys } from "./did-keys.ts";

/** How long the node hosts a DID: permanently, or while its agent is connected plus a grace time. */
export type DidStorage = "persistent" | "ephemeral";

/** A DID that the node hosts. */
export interface HostedDid {
  readonly did: string;
  readonly storage: DidStorage;
  /** The API key that created it. */
  readonly ownerKeyId: string;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  /** When it was last bound, in milliseconds since 1970. */
  readonly lastSeenAt: number;
}

/** Stored form of a hosted DID. Its keys are created on first use, so that connecting stays fast. */
export type DidRecord = {
  readonly did: string;
  readonly storage: DidStorage;
  readonly ownerKeyId: string;
  readonly createdAt: number;
  readonly lastSeenAt: number;
  readonly keys?: StoredKeys;
  /** The public keys, if the agent holds the private ones itself. Then the node has none. */
  readonly agentKeys?: AgentKeys;
  /** The mediator that other nodes send its messages to. */
  readonly mediator?: string;
};

/** A hosted DID without its keys. */
export function hostedDidOf({ did, storage, ownerKeyId, createdAt, lastSeenAt }: DidRecord): HostedDid {
  return { did, storage, ownerKeyId, createdAt, lastSeenAt };
}

/** A record with another mediator, or none. */
export function withMediator(record: DidRecord, mediator: string | undefined): DidRecord {
  const { mediator: _, ...others } = record;
  return mediator === undefined ? others : { ...others, mediator };
}

/** A record of a DID whose agent holds its keys itself. Keys of the node, if there are any, are dropped. */
export function withAgentKeys(record: DidRecord, agentKeys: AgentKeys): DidRecord {
  const { keys: _, ...others } = record;
  return { ...others, agentKeys };
}

import type { AgentKeys } from "./agent-keys.ts";
import type { Records, SealingKey } from "@parley/storage";
import type { ApiKey } from "./api-keys.ts";
import type { DidRecord, DidStorage } from "./hosted-did.ts";
import type { LiveRecords } from "./live-records.ts";

/** Options of `Dids.ensure`. */
export interface EnsureOptions {
  /** `Create` if absent, `Require` that it exists, `Update` its storage (creating it if absent). */
  readonly mode: "Create" | "Require" | "Update";
  /** Default: `persistent` for a new DID, unchanged for an existing one. */
  readonly storage?: DidStorage;
  readonly owner: ApiKey;
  /** The keys of a DID that is created, if its agent holds them: its first document has them. Checked. */
  readonly agentKeys?: AgentKeys | undefined;
  /** Whether messages or credentials of a DID are stored. Default: assumes so. */
  readonly holdsAnything?: (did: string) => Promise<boolean>;
}

/** Options of `Dids`. */
export interface DidsOptions {
  /** Other nodes may change {@link LiveRecords}. */
  readonly records: Records<DidRecord> | LiveRecords<DidRecord>;
  readonly nodeKey: SealingKey;
  /** DIDs that one API key may own. Default 100,000. */
  readonly maxPerKey?: number;
  /** Shortest interval between two writes of a DID's time of last use, in milliseconds. Default 60,000. */
  readonly touchEveryMs?: number;
  /** Milliseconds since 1970; for tests. */
  readonly now?: () => number;
}

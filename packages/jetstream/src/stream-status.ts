import type { JetstreamConnection } from "./connection.ts";
import { asStorageError } from "./failures.ts";

/** A stream as NATS describes it. */
export interface StreamStatus {
  readonly name: string;
  readonly messages: number;
  readonly bytes: number;
  readonly replicas: number;
  /** Whether NATS keeps it in memory only: it is empty after a restart. */
  readonly isInMemory: boolean;
  /** The NATS server that writes it; `undefined` while one is elected, and for a server without a cluster. */
  readonly leader: string | undefined;
  /** NATS servers that lag behind the leader or are offline, with the number of operations that they lack. */
  readonly behind: readonly { readonly server: string; readonly operations: number; readonly isOffline: boolean }[];
}

/** The streams of the connection's prefix, by name. @throws StorageError `storage_failed` */
export async function describeStreams({ jsm, prefix }: JetstreamConnection): Promise<readonly StreamStatus[]> {
  try {
    const found: StreamStatus[] = [];
    for await (const { config, state, cluster } of jsm.streams.list()) {
      if (!config.name.startsWith(`${prefix.toUpperCase()}_`)) continue;
      const behind = (cluster?.replicas ?? []).flatMap(({ name, current, lag, offline }) =>
        // NATS leaves out a lag of 0 and `offline: false`, whatever the types say.
        current && !offline ? [] : [{ server: name, operations: lag || 0, isOffline: offline || false }],
      );
      const { name, num_replicas: replicas, storage } = config;
      const { messages, bytes } = state;
      found.push({ name, messages, bytes, replicas, isInMemory: storage === "memory", leader: cluster?.leader, behind });
    }
    return found.toSorted((left, right) => left.name.localeCompare(right.name, "en", { numeric: true }));
  } catch (error) {
    throw asStorageError("The streams cannot be listed", error);
  }
}

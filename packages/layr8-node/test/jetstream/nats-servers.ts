import { randomUUID } from "node:crypto";
import { JetstreamConnection } from "@parley/jetstream";
import { type NatsServers, startNats } from "@parley/test-nats";
import { afterAll, beforeAll } from "vitest";

/** NATS servers of a suite, and connections to stores of their own on them. */
export interface SharedNats {
  readonly urls: readonly string[];
  /** A prefix that no other test uses: an empty store. */
  newPrefix(): string;
  connect(prefix: string): Promise<JetstreamConnection>;
  /** Signals all of them. */
  signal(signal: "SIGSTOP" | "SIGCONT"): Promise<void>;
}

/** Starts NATS servers for the suite in which it is called. */
export function useNats(count: 1 | 3): SharedNats {
  let nats: NatsServers | undefined;
  beforeAll(async () => {
    nats = await startNats({ count });
  }, 400_000);
  afterAll(() => nats?.stop());
  return {
    get urls() {
      return nats?.urls ?? [];
    },
    newPrefix: () => `t${randomUUID().replaceAll("-", "").slice(0, 15)}`,
    signal: async (signal) => void (await Promise.all((nats?.servers ?? []).map((server) => server.signal(signal)))),
    connect: (prefix) => JetstreamConnection.connect({ servers: nats?.urls ?? [], prefix, replicas: count }),
  };
}

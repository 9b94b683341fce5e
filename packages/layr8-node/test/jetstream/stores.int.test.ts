import type { JetstreamConnection } from "@parley/jetstream";
import { describeUnless, gateOrSoak } from "@parley/test-assertions";
import { missingNats } from "@parley/test-nats";
import type { Inbox } from "../../src/inbox/inbox.ts";
import { JetstreamCredentialStore, JetstreamInbox, JetstreamOutboundStore } from "../../src/jetstream.ts";
import { credentialStoreCompliance } from "../credentials/credential-store-compliance.ts";
import { outboundStoreCompliance } from "../federation/outbound/outbound-store-compliance.ts";
import { outboundTakeOver } from "./outbound-take-over.ts";
import { inboxCompliance } from "../inbox/inbox-compliance.ts";
import { severalNodesCompliance } from "../inbox/several-nodes.ts";
import { useNats } from "./nats-servers.ts";

/** Three servers are slow, so the gate runs only the suites of several nodes on them. */
const SUITES_ON_THREE = gateOrSoak(0, 1) === 1;

for (const count of [1, 3] as const) {
  describeUnless(missingNats(count), `stores on ${count} NATS server(s)`, () => {
    const nats = useNats(count);

    /** A store on an empty prefix, which is closed and opened again. */
    async function stored<T extends { close(): Promise<void> }>(open: (connection: JetstreamConnection) => Promise<T>) {
      const prefix = nats.newPrefix();
      let connection = await nats.connect(prefix);
      let store = await open(connection);
      const cleanup = async (): Promise<void> => {
        await store.close();
        await connection.close();
      };
      const reopen = async (): Promise<T> => {
        await cleanup();
        connection = await nats.connect(prefix);
        store = await open(connection);
        return store;
      };
      return { store, reopen, cleanup };
    }

    if (count === 1 || SUITES_ON_THREE) {
      inboxCompliance(
        "JetstreamInbox",
        async (setup) => {
          const { store: inbox, ...rest } = await stored((connection) => JetstreamInbox.open(connection, { ...setup, shards: 1 }));
          return { inbox, ...rest };
        },
        { isShared: true },
      );

      credentialStoreCompliance("JetstreamCredentialStore", (maxPerHolder) =>
        stored(async (connection) => {
          const store = await JetstreamCredentialStore.open(connection, maxPerHolder);
          return Object.assign(store, { close: () => Promise.resolve() });
        }),
      );

      outboundStoreCompliance("JetstreamOutboundStore", (options) =>
        stored((connection) => JetstreamOutboundStore.open(connection, { ...options, node: "a" })),
      );
      outboundTakeOver(nats);
    }

    severalNodesCompliance("JetstreamInbox of several nodes", async (now) => {
      const prefix = nats.newPrefix();
      const connections = new Map<Inbox, JetstreamConnection>();
      const instances = new Set<string>();
      return {
        open: async () => {
          const connection = await nats.connect(prefix);
          const instance = `node-${instances.size}`;
          instances.add(instance);
          const inbox = await JetstreamInbox.open(connection, { now, shards: 2, instance, running: () => Promise.resolve(instances) });
          connections.set(inbox, connection);
          return inbox;
        },
        kill: async (inbox) => connections.get(inbox)?.close(),
        cleanup: async () => {
          for (const [inbox, connection] of connections) {
            if (!connection.closed.aborted) await inbox.close();
            await connection.close();
          }
        },
      };
    });
  });
}

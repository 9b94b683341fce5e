import type { JetstreamConnection } from "@parley/jetstream";
import { JetstreamLog, JetstreamRegistry, JetstreamWelcomes } from "@parley/skytale-server/jetstream";
import { describeUnless, gateOrSoak } from "@parley/test-assertions";
import { missingNats } from "@parley/test-nats";
import {
  channelLogCompliance,
  registryCompliance,
  type ServerStores,
  severalServersCompliance,
  welcomeStoreCompliance,
} from "../src/index.ts";
import { useNats } from "./nats-servers.ts";

interface Closable {
  close(): Promise<void>;
}

/** Three servers are slow, so the gate runs only the suite of several servers on them. */
const SUITES_ON_THREE = gateOrSoak(0, 1) === 1;

for (const count of [1, 3] as const) {
  describeUnless(missingNats(count), `on ${count} NATS server(s)`, () => {
    const nats = useNats(count);

    /** Opens a store on an empty prefix, once and again. */
    async function stored<T extends Closable>(open: (connection: JetstreamConnection) => Promise<T>) {
      const prefix = nats.newPrefix();
      let connection = await nats.connect(prefix);
      let store = await open(connection);
      const close = async (): Promise<void> => {
        await store.close();
        await connection.close();
      };
      return {
        store,
        async reopen(): Promise<T> {
          await close();
          connection = await nats.connect(prefix);
          store = await open(connection);
          return store;
        },
        stop: close,
      };
    }

    if (count === 1 || SUITES_ON_THREE) {
      channelLogCompliance(
        "JetstreamLog",
        async (options) => {
          const { store: log, reopen, stop } = await stored((connection) => JetstreamLog.open(connection, { ...options, shards: 1 }));
          return { log, reopen, stop };
        },
        { durable: true, evictsByAccount: false },
      );

      registryCompliance("JetstreamRegistry", async () => {
        const { store: registry, reopen, stop } = await stored((connection) => JetstreamRegistry.open(connection));
        return { registry, reopen, stop };
      });

      welcomeStoreCompliance(
        "JetstreamWelcomes",
        async (options) => {
          const { store: welcomes, reopen, stop } = await stored((connection) => JetstreamWelcomes.open(connection, options));
          return { welcomes, reopen, stop };
        },
        { durable: true },
      );
    }

    severalServersCompliance("JetStream", async () => {
      const prefix = nats.newPrefix();
      const connections: JetstreamConnection[] = [];
      const start = async (): Promise<ServerStores> => {
        const connection = await nats.connect(prefix);
        connections.push(connection);
        return {
          log: await JetstreamLog.open(connection, { shards: 1 }),
          welcomes: await JetstreamWelcomes.open(connection),
          registry: await JetstreamRegistry.open(connection),
        };
      };
      const servers = [await start(), await start()] as const;
      const stop = async (): Promise<void> => void (await Promise.all(connections.map((connection) => connection.close())));
      return { servers, stop };
    });
  });
}

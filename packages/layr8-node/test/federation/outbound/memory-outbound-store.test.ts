import { MemoryOutboundStore } from "../../../src/federation/outbound/memory-outbound-store.ts";
import { outboundStoreCompliance } from "./outbound-store-compliance.ts";

outboundStoreCompliance(
  "MemoryOutboundStore",
  (options) => {
    const store = new MemoryOutboundStore(options);
    return Promise.resolve({ store, cleanup: () => store.close() });
  },
  { durable: false },
);

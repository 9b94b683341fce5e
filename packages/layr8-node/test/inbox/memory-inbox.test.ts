import { MemoryInbox } from "../../src/inbox/memory-inbox.ts";
import { inboxCompliance } from "./inbox-compliance.ts";

inboxCompliance(
  "MemoryInbox",
  (setup) => {
    const inbox = new MemoryInbox(setup);
    return Promise.resolve({ inbox, cleanup: () => inbox.close() });
  },
  { durable: false },
);

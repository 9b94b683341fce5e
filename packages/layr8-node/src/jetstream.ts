// Stores that several nodes share, on NATS JetStream. Needs @parley/jetstream, which a single node does not load.
export { JetstreamCredentialStore } from "./jetstream/jetstream-credential-store.ts";
export { JetstreamInbox, type JetstreamInboxOptions } from "./jetstream/jetstream-inbox.ts";
export { JetstreamNonces } from "./jetstream/jetstream-nonces.ts";
export { JetstreamOutboundStore, type JetstreamOutboundStoreOptions } from "./jetstream/jetstream-outbound-store.ts";
export { JetstreamRecords, type JetstreamRecordsOptions } from "./jetstream/jetstream-records.ts";

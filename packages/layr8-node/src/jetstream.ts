// Stores that several nodes share, on NATS JetStream. Needs @parley/jetstream, which a single node does not load.
export { JetstreamInbox, type JetstreamInboxOptions } from "./jetstream/jetstream-inbox.ts";

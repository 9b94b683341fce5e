// Stores that several servers share, on NATS JetStream. Needs @parley/jetstream, which a single server does not load.
export { JetstreamLog, type JetstreamLogOptions } from "./log/jetstream-log.ts";

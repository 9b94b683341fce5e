// Stores that several servers share, on NATS JetStream. Needs @parley/jetstream, which a single server does not load.
export { JetstreamLog, type JetstreamLogOptions } from "./log/jetstream-log.ts";
export { JetstreamWelcomes } from "./log/jetstream-welcomes.ts";
export { JetstreamRegistry, type JetstreamRegistryOptions } from "./registry/jetstream-registry.ts";

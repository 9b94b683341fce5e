export { JetstreamConnection } from "./connection.ts";
export type { JetstreamOptions } from "./connect-options.ts";
export { JetstreamError, type JetstreamErrorCode } from "./jetstream-error.ts";
export { LogStreams, type LogStreamsOptions } from "./log-streams.ts";
export { MAX_HEAD_BYTES, RECORD_OVERHEAD, sizeInRecord } from "./record.ts";
export { SharedLog, type LogApplication, type LogPlace, type LogRecord, type RecordDraft } from "./shared-log.ts";
export { ensureStreams, type StreamPlan } from "./streams.ts";

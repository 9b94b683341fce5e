import "../supported-node.ts";
// Shared by Parley's own packages. No promise of stability to anyone else.
export { abortable, runWithin, type TaskBounds } from "./abortable.ts";
export { addressKey } from "./address-key.ts";
export { AsyncQueue } from "./async-queue.ts";
export { backoffMs, type BackoffOptions } from "./backoff.ts";
export { decodeBase64url, encodeBase64url } from "./base64url.ts";
export { checkAttachment } from "./check-attachment.ts";
export { checkHeaders } from "./check-headers.ts";
export { checkJson } from "./check-json.ts";
export {
  checkOption,
  checkOptions,
  checkValues,
  describeValue,
  IS_ANYTHING,
  IS_BOOLEAN,
  IS_FUNCTION,
  IS_LOGGER,
  IS_NOT_NEGATIVE,
  IS_PORT,
  IS_POSITIVE,
  IS_TEXT,
  type OptionCheck,
} from "./check-options.ts";
export { explainNodeFailure, type ConnectFailure } from "./connect-failure.ts";
export { concatBytes, readCapped } from "./bytes.ts";
export { closeAll, closeQuietly, closeTogether } from "./close-all.ts";
export { deferred, type Deferred } from "./deferred.ts";
export { describeKind } from "./describe-kind.ts";
export { describeThrown } from "./describe-thrown.ts";
export { FairShare, type FairShareLease, type FairShareLimits } from "./fair-share.ts";
export { isJsonArray } from "../json.ts";
export { KeyedMutex } from "./keyed-mutex.ts";
export { BATCH_HEADER, batchFrames, MAX_BATCH_BYTES, MAX_BATCH_FRAMES, readBatchLimit, splitBatch } from "./frame-batch.ts";
export { checkJsonText } from "./check-json-text.ts";
export { parseJsonObject, type JsonObjectFault, type ParseJsonObjectOptions } from "./parse-json-object.ts";
export { isLocalhostName, lookupLoopback } from "./localhost.ts";
export { nearest } from "./nearest.ts";
export { MAX_TIMER_MS, readDurationMs, type DurationNames } from "./read-duration.ts";
export { RateLimiter, type RateLimiterOptions } from "./rate-limiter.ts";
export { readNumbers } from "./read-numbers.ts";
export { rejectUnknownOptions } from "./reject-unknown-options.ts";
export { ACK, asksForReceipts, PLEASE_ACK, RECEIPT, RECEIPTS } from "../receipt.ts";
export { receiptText, SEALED_TIME } from "../receipt-text.ts";
export { readTime } from "../time.ts";
export { IS_TELEMETRY } from "./telemetry-option.ts";
export { readTraceContext } from "../trace-context.ts";
export { signalWithin } from "./signal-within.ts";
export { sleep } from "./sleep.ts";
export { Throttle } from "./throttle.ts";
export { TimeSlice } from "./time-slice.ts";
export { isPassingSystemError, systemCode, systemReason } from "./system-error.ts";
export { ChurnMap } from "./churn-map.ts";
export { warnOnce } from "./warn-once.ts";
export { Mutex } from "./mutex.ts";
export { Fifo } from "./fifo.ts";

// Shared by Parley's own packages. No promise of stability to anyone else.
export { AsyncQueue } from "./async-queue.ts";
export { backoffMs, type BackoffOptions } from "./backoff.ts";
export { decodeBase64url, encodeBase64url } from "./base64url.ts";
export { concatBytes, readCapped } from "./bytes.ts";
export { deferred, type Deferred } from "./deferred.ts";
export { isJsonArray } from "../json.ts";
export { jsonFault } from "./json-fault.ts";
export { nearest } from "./nearest.ts";
export { MAX_TIMER_MS, readDurationMs, type DurationNames } from "./read-duration.ts";
export { readNumbers } from "./read-numbers.ts";
export { rejectUnknownOptions } from "./reject-unknown-options.ts";
export { sleep } from "./sleep.ts";
export { TransientMap } from "./transient-map.ts";
export { warnOnce } from "./warn-once.ts";

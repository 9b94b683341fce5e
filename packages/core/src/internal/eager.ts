import "../supported-node.ts";
// The part of `@parley/core/internal` that modules of the SDKs need when they are imported: the 17 other modules would take a tenth of the time of
// `import "layr8"`. Shared by Parley's own packages. No promise of stability to anyone else.
export { isJsonArray } from "../json.ts";
export { backoffMs } from "./backoff.ts";
export { decodeBase64url, encodeBase64url } from "./base64url.ts";
export { checkAttachment } from "./check-attachment.ts";
export { checkHeaders } from "./check-headers.ts";
export { checkJson } from "./check-json.ts";
export { IS_BOOLEAN, type OptionCheck, checkOption, checkValues } from "./check-options.ts";
export { ChurnMap } from "./churn-map.ts";
export { closeAll } from "./close-all.ts";
export { type ConnectFailure, explainNodeFailure } from "./connect-failure.ts";
export { describeKind } from "./describe-kind.ts";
export { describeThrown } from "./describe-thrown.ts";
export { Fifo } from "./fifo.ts";
export { isLocalhostName, lookupLoopback } from "./localhost.ts";
export { parseJsonObject } from "./parse-json-object.ts";
export { MAX_TIMER_MS, readDurationMs } from "./read-duration.ts";
export { ACK, PLEASE_ACK, readReceiptBody, RECEIPT, type ReceiptBody } from "../receipt.ts";
export { receiptText } from "../receipt-text.ts";
export { rejectUnknownOptions } from "./reject-unknown-options.ts";
export { IS_TELEMETRY } from "./telemetry-option.ts";
export { isTemporaryProblem } from "./temporary-problem.ts";
export { warnOnce } from "./warn-once.ts";

import type { Message, MessageInit, ReceiptState } from "@parley/core";
import { IS_BOOLEAN, MAX_TIMER_MS, PLEASE_ACK, checkValues, readDurationMs, rejectUnknownOptions } from "@parley/core/eager";
import type { StandardSchemaV1 } from "@standard-schema/spec";

import type { ReceiptOptions, RequestOptions, SendOptions } from "./call-options.ts";
import type { DidSession } from "./did-session.ts";
import { kindOfSendError, type ReportError } from "./error-handler.ts";
import { expiryAfter } from "./expiry.ts";
import type { ReceivedMessage } from "./inbound-message.ts";
import { EXPECTS_REPLY } from "./message-context.ts";
import type { Receipt } from "./receipts/receipt.ts";
import { checkBody, requireSchema } from "./schema.ts";

/** Sends a message of a session's DID. @throws as `Client.send` */
export async function sendMessage(session: DidSession, report: ReportError, message: MessageInit, options: SendOptions): Promise<Message> {
  rejectUnknownOptions(options, ["fireAndForget", "signal"]);
  checkValues(options, IS_BOOLEAN, ["fireAndForget"]);
  const { fireAndForget = false, signal } = options;
  const outbound = session.compose(message);
  signal?.throwIfAborted();
  const sent = session.push(outbound, signal);
  if (fireAndForget) sent.catch((error: unknown) => report(kindOfSendError(error), error, outbound));
  else await sent;
  return outbound;
}

const UNTIL: ReadonlySet<unknown> = new Set<ReceiptState>(["queued", "delivered", "handled"]);

/** Sends a message of a session's DID that asks for receipts, and waits for them. @throws as `Client.send` */
export async function sendUntil(
  session: DidSession,
  requestTimeoutMs: number,
  message: MessageInit,
  options: ReceiptOptions,
): Promise<readonly Receipt[]> {
  rejectUnknownOptions(options, ["until", "timeoutMs", "onPlaintext", "onReceipt", "signal"]);
  const { until, onPlaintext, onReceipt, signal } = options;
  if (!UNTIL.has(until)) throw new TypeError(`Option "until" must be queued, delivered or handled, not ${JSON.stringify(until)}`);
  for (const [name, listener] of Object.entries({ onPlaintext, onReceipt }))
    if (listener !== undefined && typeof listener !== "function") throw new TypeError(`Option "${name}" must be a function`);
  const timeoutMs = readDurationMs(options, { ms: "timeoutMs" }, requestTimeoutMs);
  const outbound = session.compose(message);
  outbound.headers = { ...outbound.headers, [PLEASE_ACK]: [""] };
  signal?.throwIfAborted();
  return session.confirm(outbound, { until, timeoutMs, signal, onPlaintext, onReceipt });
}

/** Whether a call of `send` waits for receipts. */
export function isUntil(options: SendOptions | ReceiptOptions): options is ReceiptOptions {
  return (options as Partial<ReceiptOptions>).until !== undefined;
}

/** Sends a request of a session's DID, and waits for the response. @throws as `Client.request` */
export async function requestResponse(
  session: DidSession,
  requestTimeoutMs: number,
  message: MessageInit,
  options: RequestOptions & { readonly schema?: StandardSchemaV1 },
): Promise<ReceivedMessage<unknown>> {
  rejectUnknownOptions(options, ["timeoutMs", "timeout", "expires", "parentThread", "signal", "schema"]);
  checkValues(options, IS_BOOLEAN, ["expires"]);
  const { parentThread, signal, schema, expires = true } = options;
  if (schema !== undefined) requireSchema(schema);
  const timeoutMs = readDurationMs(options, { ms: "timeoutMs", seconds: "timeout" }, requestTimeoutMs);
  const outbound = session.compose(message);
  const threadId = (outbound.threadId ??= outbound.id);
  if (parentThread !== undefined) outbound.parentThreadId = parentThread;
  if (expires && timeoutMs < MAX_TIMER_MS) outbound.expiresTime ??= expiryAfter(timeoutMs, session.now());
  outbound.headers = outbound.headers === undefined ? EXPECTS_REPLY : { ...outbound.headers, ...EXPECTS_REPLY };
  signal?.throwIfAborted();
  const received = await session.ask(threadId, outbound, timeoutMs, signal);
  if (schema === undefined) return received;
  return { ...received, body: await checkBody(schema, received.body, received.id) };
}

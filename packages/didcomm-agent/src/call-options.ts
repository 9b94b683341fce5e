import type { ReceiptState } from "@parley/core";
import type { StandardSchemaV1 } from "@standard-schema/spec";

import type { Receipt } from "./receipts/receipt.ts";

/** Options of `Client.connect`. */
export interface ConnectOptions {
  /** Aborts connecting. */
  readonly signal?: AbortSignal;
}

/** Options of `Client.send`. */
export interface SendOptions {
  /** Don't wait for the node's answer; a refusal reaches the error handler. Default `false`. */
  readonly fireAndForget?: boolean;
  /** Stops waiting for the node's answer. The message may have left already. */
  readonly signal?: AbortSignal;
}

/** Options of `Client.send` that ask for receipts. */
export interface ReceiptOptions {
  /** How far the message has to come at all recipients. A later state includes the earlier ones. */
  readonly until: Exclude<ReceiptState, "failed">;
  /** How long to wait, in milliseconds; `Infinity` for no limit. Default: the client's `requestTimeoutMs`. */
  readonly timeoutMs?: number;
  /**
   * Called with the message as it is sent, a JSON text, when it is sent: receipts have its digest. Keep it to show to others what a recipient has received.
   */
  readonly onPlaintext?: (plaintext: string) => unknown;
  /** Called with each receipt as it comes, also with those that come after the promise has resolved. */
  readonly onReceipt?: (receipt: Receipt) => unknown;
  /** Stops waiting. The message may have left already. */
  readonly signal?: AbortSignal;
}

/** Options of `Client.request`. */
export interface RequestOptions {
  /** How long to wait for the response, in milliseconds; `Infinity` for no limit. Default: the client's `requestTimeoutMs`. */
  readonly timeoutMs?: number;
  /** The same in seconds, as the Python SDK has it. Give one of the two. */
  readonly timeout?: number;
  /**
   * Whether the request expires with its timeout (`expires_time`, rounded up to the next second), so that no handler begins with it later.
   * Default `true`. With `false`, or with an `expiresTime` of its own, the node keeps the message longer than the client waits.
   */
  readonly expires?: boolean;
  /** The thread that this request came out of (`pthid`). */
  readonly parentThread?: string;
  /** Stops waiting. The request may have left already. */
  readonly signal?: AbortSignal;
}

/** Options of `Client.request` that type the response's body. */
export interface SchemaRequestOptions<Schema extends StandardSchemaV1> extends RequestOptions {
  /** Checks and types the response's body. */
  readonly schema: Schema;
}

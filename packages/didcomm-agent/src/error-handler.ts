import { ParleyError } from "@parley/core";
import { warnOnce } from "@parley/core/eager";

import { ServerRejectError } from "./errors.ts";

/** The kinds of {@link SDKError}. */
export const ErrorKind: {
  /** An inbound message, an attachment of it or a frame could not be read. */
  readonly PARSE_FAILURE: "parse_failure";
  /** No handler is registered for the message's type. */
  readonly NO_HANDLER: "no_handler";
  /** A handler or a listener failed. */
  readonly HANDLER_EXCEPTION: "handler_exception";
  /** A message was refused on purpose: its handler threw a `ProblemReportError`, or its body does not match the schema. */
  readonly REFUSED: "refused";
  /** The node refused a message or ended the connection, or a problem report came that no request waits for. */
  readonly SERVER_REJECT: "server_reject";
  /** A reply or a fire-and-forget message could not be written. */
  readonly TRANSPORT_WRITE: "transport_write";
  /** A step with the agent's mediator failed. */
  readonly MEDIATION: "mediation";
  /** A receipt was not accepted: see {@link ReceiptRejectionCode}. */
  readonly RECEIPT: "receipt";
} = {
  PARSE_FAILURE: "parse_failure",
  NO_HANDLER: "no_handler",
  HANDLER_EXCEPTION: "handler_exception",
  REFUSED: "refused",
  SERVER_REJECT: "server_reject",
  TRANSPORT_WRITE: "transport_write",
  MEDIATION: "mediation",
  RECEIPT: "receipt",
};

/** One of the values of {@link (ErrorKind:variable)}. */
export type ErrorKind = (typeof ErrorKind)[keyof typeof ErrorKind];

/** An error that has no caller to go to. */
export interface SDKError {
  readonly kind: ErrorKind;
  /** What happened. An `Error` always: anything else that a handler threw is wrapped. */
  readonly cause: Error;
  /** The message that it is about, where that is known. */
  readonly messageId?: string;
  readonly type?: string;
  /** The sender of that message. */
  readonly from?: string;
  /** The same as `from`, under the name that the Python SDK has. */
  readonly fromDid?: string;
  /** On PARSE_FAILURE: what arrived. It contains arbitrary data of the peer, which may be private: do not log it unchecked. */
  readonly raw?: unknown;
  readonly timestamp: Date;
}

/** Receives every error that has no caller to go to. It may be async. If it throws, the process gets one warning. */
export type ErrorHandler = (error: SDKError) => unknown;

/** Whom an error is about. Any message fits. */
export interface ErrorSubject {
  readonly id?: string;
  readonly type?: string;
  readonly from?: string;
}

/** Reports an error to the application. Never throws. */
export type ReportError = (kind: ErrorKind, cause: unknown, subject?: ErrorSubject, raw?: unknown) => void;

/** Wraps the application's error handler so that its failures reach neither the client nor its peers. */
export function errorReporter(onError: ErrorHandler): ReportError {
  return (kind, cause, subject = {}, raw) => {
    const { id, type, from } = subject;
    const error: SDKError = {
      kind,
      cause: cause instanceof Error ? cause : ParleyError.from(cause),
      ...(id !== undefined && { messageId: id }),
      ...(type !== undefined && { type }),
      ...(from !== undefined && { from, fromDid: from }),
      ...(raw !== undefined && { raw }),
      timestamp: new Date(),
    };
    void callHandler(onError, error);
  };
}

async function callHandler(onError: ErrorHandler, error: SDKError): Promise<void> {
  try {
    if (typeof (await onError(error)) !== "function") return;
    warnOnce("PARLEY_ERROR_HANDLER", "The error handler returned a function, and reported nothing. Is a call missing, as in logErrors()?");
  } catch (failure) {
    warnOnce("PARLEY_ERROR_HANDLER", `The error handler failed, so that an error was not reported: ${ParleyError.from(failure).message}`);
  }
}

/** The kind of a failed write. */
export function kindOfSendError(error: unknown): ErrorKind {
  return error instanceof ServerRejectError ? ErrorKind.SERVER_REJECT : ErrorKind.TRANSPORT_WRITE;
}

import type { FastifyError, FastifyInstance, FastifyRequest } from "fastify";

/** The response to an error: the body is `{"error": "…", "code": "…"}`. */
export interface ErrorResponse {
  readonly status: number;
  readonly code: string;
  readonly error: string;
}

/** How a server responds to errors: the only table from its errors to HTTP. */
export interface ErrorMapping {
  /** The response to an error of the server's own; `undefined` for others. */
  readonly own: (error: unknown) => ErrorResponse | undefined;
  /** The response to a request that Fastify rejects, by its status (400 to 499). */
  readonly rejected: (status: number, message: string) => ErrorResponse;
}

/** What a server does in addition to a response to an error. */
export interface ErrorObserver {
  /** An internal failure. The response does not describe it. */
  readonly onFailure: (error: unknown) => void;
  readonly onRejected?: (request: FastifyRequest, code: string) => void;
  /** Whether the connection is closed after the response. */
  readonly closes?: (error: unknown) => boolean;
}

const INTERNAL: ErrorResponse = { status: 500, code: "internal", error: "internal error" };
/** Value of `Retry-After` on 429 and 503, in seconds. */
const RETRY_AFTER = "1";

/** Maps an error to its response. Internal errors disclose no details. */
export function errorResponse(thrown: unknown, { own, rejected }: ErrorMapping): ErrorResponse {
  const response = own(thrown);
  if (response !== undefined) return response;
  if (!(thrown instanceof Error) || !("statusCode" in thrown)) return INTERNAL;
  const { statusCode = 500, validation, validationContext, message } = thrown as FastifyError;
  if (validation !== undefined) {
    const [first] = validation;
    const path = first?.instancePath === "/" ? "" : (first?.instancePath ?? "");
    const error = `${validationContext ?? "request"}${path}: ${first?.message ?? "is malformed"}`;
    return { status: 400, code: "malformed_request", error };
  }
  return statusCode >= 400 && statusCode < 500 ? rejected(statusCode, message) : INTERNAL;
}

/** Responds to the errors of an app. */
export function addErrorHandler(app: FastifyInstance, mapping: ErrorMapping, { onFailure, onRejected, closes }: ErrorObserver): void {
  app.setErrorHandler((thrown, request, reply) => {
    const { status, code, error } = errorResponse(thrown, mapping);
    if (status === 500) onFailure(thrown);
    onRejected?.(request, code);
    if (status === 429 || status === 503) reply.header("retry-after", RETRY_AFTER);
    if (closes?.(thrown) === true) reply.header("connection", "close");
    return reply.code(status).type("application/json").send(JSON.stringify({ error, code }));
  });
}

import type { FastifyReply } from "fastify";
import { RequestRejection } from "./error-response.ts";

/** Aborts when the client hangs up before it has the response. */
export function gone(reply: FastifyReply): AbortSignal {
  const abort = new AbortController();
  reply.raw.once("close", () => {
    if (!reply.raw.writableFinished) abort.abort(new RequestRejection(499, "client_gone", "the client hung up"));
  });
  return abort.signal;
}

import { fastify, type FastifyInstance } from "fastify";
import { type Client, NotConnectedError, ProblemReportError, RequestTimeoutError, ServerRejectError } from "layr8";

/** The body of a REST call. */
interface Call {
  readonly to: string;
  readonly type: string;
  readonly body?: object;
}

const CALL_SCHEMA = {
  body: {
    type: "object",
    required: ["to", "type"],
    additionalProperties: false,
    properties: { to: { type: "string", minLength: 1 }, type: { type: "string", minLength: 1 }, body: { type: "object" } },
  },
};

/** HTTP status for a failed DIDComm request. */
function statusOf(error: unknown): number {
  if (error instanceof RequestTimeoutError) return 504;
  if (error instanceof ProblemReportError) return 502;
  if (error instanceof ServerRejectError) return 422;
  if (error instanceof NotConnectedError) return 503;
  return 500;
}

/** A REST API for DIDComm requests: `POST /requests {to, type, body}` sends a request and returns the response. */
export function createBridge(client: Client, timeoutMs = 5000): FastifyInstance {
  const app = fastify();
  app.post<{ Body: Call }>("/requests", { schema: CALL_SCHEMA }, async (request, reply) => {
    const gone = new AbortController();
    reply.raw.once("close", () => gone.abort());
    try {
      const answer = await client.request(request.body, { timeoutMs, signal: gone.signal });
      return { from: answer.from, type: answer.type, body: answer.body };
    } catch (error) {
      return reply.code(statusOf(error)).send({ error: error instanceof Error ? error.message : String(error) });
    }
  });
  return app;
}

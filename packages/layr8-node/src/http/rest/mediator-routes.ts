import { FAILURES } from "./answer.ts";
import type { FastifyInstance } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import type { Authentication } from "@parley/server-kit/http";
import { canonicalDid } from "@parley/did";
import type { ApiKey } from "../../identity/api-keys.ts";
import { RequestRejection } from "./error-response.ts";
import * as schemas from "./schemas.ts";

/** Declares the mediator of a hosted DID, or none. @throws IdentityError */
export type SetMediator = (apiKey: ApiKey, did: string, mediator: string | undefined) => Promise<void>;

const PATH = "/api/v1/dids/";
const SUFFIX = "/mediator";

/** Adds the calls with which an agent declares its mediator. */
export function addMediatorRoutes(app: FastifyInstance, setMediator: SetMediator, authentication: Authentication<ApiKey>): void {
  const typed = app.withTypeProvider<ZodTypeProvider>();
  typed.put(
    `${PATH}:did${SUFFIX}`,
    {
      schema: {
        operationId: "declareMediator",
        summary: "Name the mediator of a DID in its document",
        body: schemas.mediatorBody,
        params: schemas.mediatorParams,
        response: { 204: schemas.nothing, ...FAILURES },
      },
    },
    async (request, reply) => {
      await setMediator(authentication.callerOf(request), didIn(request.url), request.body.routing_did);
      return reply.code(204).send();
    },
  );
  typed.delete(
    `${PATH}:did${SUFFIX}`,
    {
      schema: {
        operationId: "removeMediator",
        summary: "Remove the mediator of a DID from its document",
        params: schemas.mediatorParams,
        response: { 204: schemas.nothing, ...FAILURES },
      },
    },
    async (request, reply) => {
      await setMediator(authentication.callerOf(request), didIn(request.url), undefined);
      return reply.code(204).send();
    },
  );
}

/** The DID in the path. SDKs write it as it is, with the `%3A` of a port; percent-encoded as a whole it is read too. */
function didIn(url: string): string {
  const path = (url.split("?", 1)[0] ?? "").replace(/\/$/, "");
  const raw = path.endsWith(SUFFIX) ? path.slice(PATH.length, -SUFFIX.length) : "";
  const did = raw.startsWith("did:") ? raw : decode(raw);
  if (canonicalDid(did) === did) return did;
  throw new RequestRejection(404, "not_found", "the path must be /api/v1/dids/<did>/mediator, with a DID in its canonical spelling");
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}

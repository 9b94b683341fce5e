import { FAILURES } from "./answer.ts";
import type { FastifyInstance } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import type { Authentication } from "@parley/server-kit/http";
import type { ApiKey } from "../../identity/api-keys.ts";
import { DIDS, didInPath } from "./did-in-path.ts";
import * as schemas from "./schemas.ts";

/** Declares the mediator of a hosted DID, or none. @throws IdentityError */
export type SetMediator = (apiKey: ApiKey, did: string, mediator: string | undefined) => Promise<void>;

const SUFFIX = "/mediator";

/** Adds the calls with which an agent declares its mediator. */
export function addMediatorRoutes(app: FastifyInstance, setMediator: SetMediator, authentication: Authentication<ApiKey>): void {
  const typed = app.withTypeProvider<ZodTypeProvider>();
  typed.put(
    `${DIDS}:did${SUFFIX}`,
    {
      schema: {
        operationId: "declareMediator",
        summary: "Name the mediator of a DID in its document",
        body: schemas.mediatorBody,
        params: schemas.didParams,
        response: { 204: schemas.nothing, ...FAILURES },
      },
    },
    async (request, reply) => {
      await setMediator(authentication.callerOf(request), didInPath(request.url, SUFFIX), request.body.routing_did);
      return reply.code(204).send();
    },
  );
  typed.delete(
    `${DIDS}:did${SUFFIX}`,
    {
      schema: {
        operationId: "removeMediator",
        summary: "Remove the mediator of a DID from its document",
        params: schemas.didParams,
        response: { 204: schemas.nothing, ...FAILURES },
      },
    },
    async (request, reply) => {
      await setMediator(authentication.callerOf(request), didInPath(request.url, SUFFIX), undefined);
      return reply.code(204).send();
    },
  );
}

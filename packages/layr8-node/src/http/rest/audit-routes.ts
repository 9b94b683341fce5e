import { Readable } from "node:stream";
import type { JsonObject } from "@parley/core";
import type { Authentication } from "@parley/server-kit/http";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import type { Audit } from "../../audit/audit.ts";
import type { ApiKey } from "../../identity/api-keys.ts";
import { notAllowed } from "../../identity/identity-error.ts";
import { answer, FAILURES } from "./answer.ts";
import { RequestRejection } from "./error-response.ts";
import * as schemas from "./schemas.ts";
import type { AuditExportQuery } from "./wire.ts";

/** Options of {@link addAuditRoutes}. */
export interface AuditRoutesOptions {
  readonly audit: Audit;
  /** Whether an API key may read the chain of a DID. */
  permits(apiKey: ApiKey, did: string): boolean;
}

const PATH = "/api/v1/audit";

/** Adds the calls that read audit chains. Without chains they are answered with 404. */
export function addAuditRoutes(
  app: FastifyInstance,
  options: AuditRoutesOptions | undefined,
  authentication: Authentication<ApiKey>,
): void {
  const typed = app.withTypeProvider<ZodTypeProvider>();
  /** @throws RequestRejection; IdentityError `did_not_allowed` */
  const auditOf = (request: FastifyRequest, did: string): Audit => {
    if (options === undefined)
      throw new RequestRejection(404, "audit_off", "this node keeps no audit chains: it was started without --audit");
    if (!options.permits(authentication.callerOf(request), did)) throw notAllowed();
    return options.audit;
  };
  const found = <T>(value: T | undefined): T => {
    if (value === undefined)
      throw new RequestRejection(404, "not_found", "this node has no audit chain of this DID: it does not host it, or has no key of it");
    return value;
  };

  typed.get(
    `${PATH}/head`,
    {
      schema: {
        operationId: "getAuditHead",
        summary: "Sign the head of an agent's audit chain",
        querystring: schemas.auditQuery,
        response: { 200: answer("The signed head", schemas.auditHead), ...FAILURES },
      },
    },
    async (request) => found(await auditOf(request, request.query.did).head(request.query.did)),
  );

  typed.get(
    `${PATH}/entries`,
    {
      schema: {
        operationId: "listAuditEntries",
        summary: "List the entries of an agent's audit chain, oldest first",
        querystring: schemas.auditPageQuery,
        response: { 200: answer("A page of entries", schemas.auditPage), ...FAILURES },
      },
    },
    (request) => {
      const { did, after, limit } = request.query;
      const entries = auditOf(request, did).entries(did, after, limit + 1);
      const next = entries.length > limit ? entries[limit - 1]?.seq : undefined;
      return { entries: entries.slice(0, limit) as unknown as JsonObject[], ...(next !== undefined && { next }) };
    },
  );

  // A stream has no type of the provider.
  app.get<{ Querystring: AuditExportQuery }>(
    `${PATH}/export`,
    {
      schema: {
        operationId: "exportAudit",
        summary: "Export an agent's audit chain",
        querystring: schemas.auditExportQuery,
        response: {
          200: { description: "The whole chain", content: { "application/jsonl": { schema: schemas.auditExport } } },
          ...FAILURES,
        },
      },
    },
    async (request, reply) => {
      const { did, peer } = request.query;
      const lines = found(await auditOf(request, did).export(did, peer));
      return reply.type("application/jsonl").send(Readable.from(lines));
    },
  );
}

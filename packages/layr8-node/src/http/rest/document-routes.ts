import { FairShare } from "@parley/core/internal";
import type { DidDocument } from "@parley/did";
import type { Authentication } from "@parley/server-kit/http";
import type { FastifyInstance } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import { CredentialError } from "../../credentials/credential-error.ts";
import type { ApiKey } from "../../identity/api-keys.ts";
import { answer, FAILURES } from "./answer.ts";
import { DIDS, didInPath } from "./did-in-path.ts";
import { gone } from "./gone.ts";
import * as schemas from "./schemas.ts";

/** Resolves a DID, hosted or not. @throws DidError; the signal's reason */
export type ResolveDocument = (did: string, options: { readonly signal: AbortSignal }) => Promise<DidDocument>;

const SUFFIX = "/document";
/** Resolutions at the same time, of all API keys and of one. */
const LIMITS = { total: 64, perOwner: 16 };

/** Adds the call with which agents read DID documents: they may reach no other host than their node. */
export function addDocumentRoute(app: FastifyInstance, resolve: ResolveDocument, authentication: Authentication<ApiKey>): void {
  const resolving = new FairShare(LIMITS);
  app.withTypeProvider<ZodTypeProvider>().get(
    `${DIDS}:did${SUFFIX}`,
    {
      schema: {
        operationId: "readDidDocument",
        summary: "Read the document of a DID, as this node resolves it",
        params: schemas.didParams,
        response: { 200: answer("The document", schemas.didDocument), ...FAILURES },
      },
    },
    async (request, reply) => {
      const did = didInPath(request.url, SUFFIX);
      const lease = resolving.tryAcquire(authentication.callerOf(request).id);
      if (lease === undefined) throw new CredentialError("busy", "Too many DIDs are being resolved: try again");
      try {
        return { did_document: await resolve(did, { signal: gone(reply) }) };
      } finally {
        lease.release();
      }
    },
  );
}

import type { FastifyInstance } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import type { Authentication } from "@parley/server-kit/http";
import type { StoredCredential } from "../../credentials/credential-store.ts";
import { decodeCursor, encodeCursor } from "../../credentials/page.ts";
import type { Wallet } from "../../credentials/wallet.ts";
import type { ApiKey } from "../../identity/api-keys.ts";
import { answer, FAILURES } from "./answer.ts";
import { RequestRejection } from "./error-response.ts";
import { gone } from "./gone.ts";
import * as schemas from "./schemas.ts";
import type { StoredCredentialBody } from "./wire.ts";

const CREDENTIALS = "/api/v1/credentials";
const PRESENTATIONS = "/api/v1/presentations";

/** Adds the calls of the wallet. */
export function addRoutes(app: FastifyInstance, wallet: Wallet, authentication: Authentication<ApiKey>): void {
  const typed = app.withTypeProvider<ZodTypeProvider>();

  typed.post(
    `${CREDENTIALS}/sign`,
    {
      schema: {
        operationId: "signCredential",
        summary: "Sign a credential with its issuer's key",
        body: schemas.signCredentialBody,
        response: { 200: answer("The signed credential", schemas.signedCredential), ...FAILURES },
      },
    },
    async (request) => {
      const { credential, issuer_did: issuerDid, format, revocable } = request.body;
      const apiKey = authentication.callerOf(request);
      const options = { issuerDid, format: format ?? "compact_jwt", isRevocable: revocable === true } as const;
      return { signed_credential: await wallet.signCredential(apiKey, credential, options) };
    },
  );

  typed.post(
    `${CREDENTIALS}/status`,
    {
      schema: {
        operationId: "setCredentialStatus",
        summary: "Revoke, suspend or resume a credential that was signed as revocable",
        body: schemas.setStatusBody,
        response: { 200: answer("The status that the node publishes from now on", schemas.credentialStatus), ...FAILURES },
      },
    },
    async (request, reply) => {
      const { issuer_did: issuerDid, status, signed_credential: signed, credential_status: credentialStatus } = request.body;
      const subject = typeof signed === "string" ? { signed } : { credentialStatus: credentialStatus ?? undefined };
      await wallet.setStatus(authentication.callerOf(request), subject, { issuerDid, state: status, signal: gone(reply) });
      return { status };
    },
  );

  typed.post(
    `${CREDENTIALS}/verify`,
    {
      schema: {
        operationId: "verifyCredential",
        summary: "Verify a credential's signature, issuer, dates and status",
        body: schemas.verifyCredentialBody,
        response: { 200: answer("The credential is valid", schemas.verifiedCredential), ...FAILURES },
      },
    },
    (request, reply) => {
      const { signed_credential: signed, verifier_did: verifierDid } = request.body;
      const signal = gone(reply);
      return wallet.verifyCredential(authentication.callerOf(request), signed, { verifierDid, signal });
    },
  );

  typed.post(
    CREDENTIALS,
    {
      schema: {
        operationId: "storeCredential",
        summary: "Store a signed credential for its holder",
        body: schemas.storeCredentialBody,
        response: { 201: answer("The stored credential", schemas.storedCredential), ...FAILURES },
      },
    },
    async (request, reply) => {
      const { holder_did: holderDid, credential_jwt: signed, issuer_did: issuerDid, valid_until: validUntil } = request.body;
      const stored = await wallet.store(authentication.callerOf(request), signed, holderDid, {
        ...(typeof issuerDid === "string" && { issuerDid }),
        ...(typeof validUntil === "string" && { validUntil }),
      });
      return reply.code(201).send(shown(stored));
    },
  );

  typed.get(
    CREDENTIALS,
    {
      schema: {
        operationId: "listCredentials",
        summary: "List a holder's credentials, oldest first",
        querystring: schemas.listQuery,
        response: { 200: answer("A page of credentials", schemas.credentialList), ...FAILURES },
      },
    },
    async (request) => {
      const { holder_did: holderDid, limit, cursor } = request.query;
      const after = cursor === undefined ? undefined : decodeCursor(cursor);
      if (cursor !== undefined && after === undefined) {
        throw new RequestRejection(400, "malformed_request", "querystring/cursor: is not one that a list gave");
      }
      const { credentials, next } = await wallet.list(authentication.callerOf(request), holderDid, { limit, after });
      return { credentials: credentials.map(shown), ...(next !== undefined && { next: encodeCursor(next) }) };
    },
  );

  typed.get(
    `${CREDENTIALS}/:id`,
    {
      schema: {
        operationId: "getCredential",
        summary: "Get a stored credential",
        params: schemas.credentialParams,
        response: { 200: answer("The stored credential", schemas.storedCredential), ...FAILURES },
      },
    },
    async (request) => shown(await wallet.get(authentication.callerOf(request), request.params.id)),
  );

  typed.delete(
    `${CREDENTIALS}/:id`,
    {
      schema: {
        operationId: "deleteCredential",
        summary: "Delete a stored credential",
        params: schemas.credentialParams,
        response: { 204: schemas.nothing, ...FAILURES },
      },
    },
    async (request, reply) => {
      await wallet.remove(authentication.callerOf(request), request.params.id);
      return reply.code(204).send();
    },
  );

  typed.post(
    `${PRESENTATIONS}/sign`,
    {
      schema: {
        operationId: "signPresentation",
        summary: "Present credentials, signed with their holder's key",
        body: schemas.signPresentationBody,
        response: { 200: answer("The signed presentation", schemas.signedPresentation), ...FAILURES },
      },
    },
    async (request) => {
      const { credentials, holder_did: holderDid, format, nonce, audience } = request.body;
      const signed = await wallet.signPresentation(authentication.callerOf(request), credentials, {
        holderDid,
        format: format ?? "compact_jwt",
        nonce: nonce ?? undefined,
        audience: audience ?? undefined,
      });
      return { signed_presentation: signed };
    },
  );

  typed.post(
    `${PRESENTATIONS}/verify`,
    {
      schema: {
        operationId: "verifyPresentation",
        summary: "Verify a presentation and its credentials",
        body: schemas.verifyPresentationBody,
        response: { 200: answer("The presentation and its credentials are valid", schemas.verifiedPresentation), ...FAILURES },
      },
    },
    (request, reply) => {
      const { signed_presentation: signed, verifier_did: verifierDid, nonce } = request.body;
      const signal = gone(reply);
      return wallet.verifyPresentation(authentication.callerOf(request), signed, { verifierDid, nonce: nonce ?? undefined, signal });
    },
  );
}

function shown({ id, holderDid, signed, issuerDid, validUntil }: StoredCredential): StoredCredentialBody {
  return {
    id,
    holder_did: holderDid,
    credential_jwt: signed,
    ...(issuerDid !== undefined && { issuer_did: issuerDid }),
    ...(validUntil !== undefined && { valid_until: validUntil }),
  };
}

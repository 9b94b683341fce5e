import { addressKey, RateLimiter } from "@parley/core/internal";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import { z } from "zod";
import { ApiError } from "../api-error.ts";
import type { ApiKeyInfo } from "../keys.ts";
import type { Services } from "../services.ts";
import type { ApiAuthentication } from "./authentication.ts";
import { FAILURES, label, nothing, time, timeText } from "./schemas.ts";

const mode = z.enum(["live", "test"]);
const account = z.object({ id: z.string(), email: z.string(), name: z.string(), plan_tier: z.string() });
const apiKey = z.object({
  id: z.string(),
  name: z.string(),
  mode,
  prefix: z.string().describe("What the key begins with"),
  created_at: time,
});
const shownOnce = z.string().describe("The key: shown here and nowhere else");
const audience = z.enum(["skytale-relay", "skytale-api"]);

const SECONDS_PER_HOUR = 3600;

/** Adds the call that makes accounts: the only one for those who have none. */
export function addSignup(
  app: FastifyInstance,
  services: Services,
  { isOpen, addressOf }: { readonly isOpen: boolean; readonly addressOf: (request: FastifyRequest) => string },
): void {
  const { signupsPerHour } = services.limits;
  const signups = new RateLimiter({ perSecond: signupsPerHour / SECONDS_PER_HOUR, burst: signupsPerHour, servers: services.servers });
  app.withTypeProvider<ZodTypeProvider>().post(
    "/v1/accounts",
    {
      schema: {
        operationId: "createAccount",
        summary: "Make an account, and its first API key",
        security: [],
        body: z.object({ email: z.string().max(254), name: label }),
        response: { 201: account.extend({ api_key: shownOnce }), ...FAILURES },
      },
      onRequest: async (request) => {
        if (!isOpen) throw new ApiError("signup_closed", "accounts are made by the operator of this server");
        if (!signups.tryTake(addressKey(addressOf(request)))) throw new ApiError("rate_limited", "too many accounts from one address");
      },
    },
    async (request, reply) => {
      const { id, email, name, plan, apiKey: created } = await services.accounts.create(request.body);
      return reply.code(201).send({ id, email, name, plan_tier: plan, api_key: created.key });
    },
  );
}

/** Adds the calls about one's own account: itself, its API keys, its tokens. */
export function addAccountRoutes(app: FastifyInstance, services: Services, authentication: ApiAuthentication): void {
  const typed = app.withTypeProvider<ZodTypeProvider>();

  typed.get(
    "/v1/accounts/me",
    { schema: { operationId: "getAccount", summary: "Get one's own account", response: { 200: account, ...FAILURES } } },
    async (request) => {
      const { id, email, name, plan } = await services.accountOf(authentication.accountOf(request));
      return { id, email, name, plan_tier: plan };
    },
  );

  typed.post(
    "/v1/keys",
    {
      schema: {
        operationId: "createKey",
        summary: "Make an API key",
        body: z.object({ name: label, mode: mode.default("live") }),
        response: { 201: apiKey.extend({ key: shownOnce }), ...FAILURES },
      },
    },
    async (request, reply) => {
      const { accountId } = authentication.keyOf(request);
      const created = await services.keys.create(accountId, request.body);
      return reply.code(201).send({ ...shown(created), key: created.key });
    },
  );

  typed.get(
    "/v1/keys",
    {
      schema: {
        operationId: "listKeys",
        summary: "List one's API keys, oldest first, without the keys themselves",
        response: { 200: z.object({ keys: z.array(apiKey) }), ...FAILURES },
      },
    },
    async (request) => ({ keys: (await services.keys.list(authentication.keyOf(request).accountId)).map(shown) }),
  );

  typed.delete(
    "/v1/keys/:id",
    {
      schema: {
        operationId: "revokeKey",
        summary: "Revoke an API key, and with it all tokens that were made from it",
        params: z.object({ id: z.string().max(64) }),
        response: { 204: nothing, ...FAILURES },
      },
    },
    async (request, reply) => {
      await services.keys.revoke(request.params.id, authentication.keyOf(request).accountId);
      return reply.code(204).send();
    },
  );

  typed.post(
    "/v1/tokens",
    {
      schema: {
        operationId: "createToken",
        summary: "Get a token that stands for the API key for a short time",
        body: z.object({ audience: z.array(audience).min(1).optional().describe("Who is to take it. Default: both") }).nullish(),
        response: { 200: z.object({ token: z.string(), expires_at: time }), ...FAILURES },
      },
    },
    async (request) => {
      const key = authentication.keyOf(request);
      const { token, expiresAt } = await services.tokens.issue(key, await services.accountOf(key.accountId), request.body?.audience);
      return { token, expires_at: timeText(expiresAt) };
    },
  );
}

function shown({ id, name, mode, createdAt }: ApiKeyInfo): z.infer<typeof apiKey> {
  return { id, name, mode, prefix: `sk_${mode}_${id}`, created_at: timeText(createdAt) };
}

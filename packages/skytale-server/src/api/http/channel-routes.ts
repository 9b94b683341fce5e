import type { FastifyInstance } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import { z } from "zod";
import type { ChannelInfo, Grant } from "../channels.ts";
import type { Services } from "../services.ts";
import type { ApiAuthentication } from "./authentication.ts";
import { after, channel, FAILURES, limit, next, nothing, time, timeText } from "./schemas.ts";

const channelInfo = z.object({ name: z.string(), role: z.enum(["owner", "member"]), created_at: time });
const grant = z.object({
  account_id: z.string(),
  created_at: time,
  member_keys: z
    .array(z.string())
    .optional()
    .describe("Signature keys of the members that were added with the account, as reported by the members that approved them; base64url"),
  made_by: z.array(z.string()).optional().describe("Accounts that made it: the owner, or the makers of the invites that it came by"),
});
const grantTarget = z.object({ channel, account_id: z.uuid() });

const MAX_PAGE = 100;
/** What an entry of a list costs, in calls. */
const ENTRY_COST = 0.1;

/** Adds the calls about the names of channels, and about who may use them. */
export function addChannelRoutes(app: FastifyInstance, { channels, withdrawals }: Services, authentication: ApiAuthentication): void {
  const typed = app.withTypeProvider<ZodTypeProvider>();

  typed.post(
    "/v1/channels",
    {
      schema: {
        operationId: "createChannel",
        summary: "Create a channel; the first one of an org makes the org one's own",
        body: z.object({
          name: channel,
          idempotency_key: z.string().min(1).max(64).optional().describe("Makes the same call succeed again"),
        }),
        response: { 201: channelInfo, 200: channelInfo.describe("It was created before, by this very call"), ...FAILURES },
      },
    },
    async (request, reply) => {
      const { name, idempotency_key: idempotencyKey } = request.body;
      const created = await channels.create(authentication.accountOf(request), name, idempotencyKey);
      return reply.code(created.created ? 201 : 200).send(shown(created));
    },
  );

  typed.get(
    "/v1/channels",
    {
      schema: {
        operationId: "listChannels",
        summary: "List the channels that one may use",
        querystring: z.object({ limit: limit(MAX_PAGE), after }),
        response: { 200: z.object({ channels: z.array(channelInfo), next }), ...FAILURES },
      },
    },
    async (request) => {
      const page = await channels.list(authentication.accountOf(request), request.query);
      authentication.charge(request, page.items.length * ENTRY_COST);
      return { channels: page.items.map(shown), next: page.next };
    },
  );

  typed.post(
    "/v1/channels/grants",
    {
      schema: {
        operationId: "createGrant",
        summary: "Let an account use a channel of one's own",
        body: grantTarget,
        response: { 201: grant, ...FAILURES },
      },
    },
    async (request, reply) => {
      const { channel: name, account_id: accountId } = request.body;
      return reply.code(201).send(shownGrant(await channels.grant(authentication.accountOf(request), name, accountId)));
    },
  );

  typed.get(
    "/v1/channels/grants",
    {
      schema: {
        operationId: "listGrants",
        summary: "List the accounts that may use a channel of one's own",
        querystring: z.object({ channel, limit: limit(MAX_PAGE), after }),
        response: { 200: z.object({ grants: z.array(grant), next }), ...FAILURES },
      },
    },
    async (request) => {
      const page = await channels.grants(authentication.accountOf(request), request.query.channel, request.query);
      authentication.charge(request, page.items.length * ENTRY_COST);
      return { grants: page.items.map(shownGrant), next: page.next };
    },
  );

  typed.delete(
    "/v1/channels/grants",
    {
      schema: {
        operationId: "withdrawGrant",
        summary: "Withdraw an account's grant, with the invites and grants that were made under it",
        querystring: grantTarget,
        response: { 204: nothing, ...FAILURES },
      },
    },
    async (request, reply) => {
      await withdrawals.withdraw(authentication.accountOf(request), request.query.channel, request.query.account_id);
      return reply.code(204).send();
    },
  );
}

function shownGrant({ accountId, createdAt, makers, memberKeys }: Grant): z.infer<typeof grant> {
  return {
    account_id: accountId,
    created_at: timeText(createdAt),
    member_keys: memberKeys === undefined || memberKeys.length === 0 ? undefined : [...memberKeys],
    made_by: makers === undefined ? undefined : [...makers],
  };
}

function shown({ name, role, createdAt }: ChannelInfo): z.infer<typeof channelInfo> {
  return { name, role, created_at: timeText(createdAt) };
}

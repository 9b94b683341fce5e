import type { FastifyInstance } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import { z } from "zod";
import { channelTopic, joinTopic, newsAfter, type JoinState, type PendingJoin } from "../joins.ts";
import type { Services } from "../services.ts";
import type { ApiAuthentication } from "./authentication.ts";
import { after, bytes, channel, FAILURES, inviteId, limit, nothing, requestId, textLength, time, timeText, wait } from "./schemas.ts";
import { Waiting } from "./waiting.ts";

const joinState = z.object({
  request_id: z.string(),
  channel: z.string(),
  status: z.enum(["pending", "admitted", "refused", "expired"]),
  created_at: time,
  expires_at: time.describe("When a pending one ends, and an answered one is removed; RFC 3339"),
  welcome: z.string().optional().describe("MLS welcome; base64url without padding"),
  sequence: z.number().optional().describe("Where to read the channel's log from"),
  reason: z.string().optional(),
});
const pendingJoin = z.object({
  request_id: z.string(),
  account_id: z.string(),
  invite_id: z.string(),
  rejected_answers_of: z.array(z.string()).optional().describe("Accounts whose welcomes the joiner has rejected"),
  key_package: z.string(),
  proof: z.string(),
  created_at: time,
  expires_at: time,
  invite: z.object({
    invite_key: z.string(),
    attestation: z.string().optional(),
    max_uses: z.number(),
    created_by: z.string(),
    expires_at: time,
  }),
});
const params = z.object({ id: requestId });

/** Requests to join that are listed at a time. */
const MAX_PAGE = 50;
/** What a listed request costs, in calls: it is large. */
const JOIN_COST = 1;
/** Bytes of a body without its large member. */
const REST_OF_BODY = 8 * 1024;

/** Adds the routes for joiners, and for members that approve join requests. */
export function addJoinRoutes(app: FastifyInstance, services: Services, authentication: ApiAuthentication): void {
  const waiting = new Waiting({
    signals: services.signals,
    maxWaitMs: services.limits.maxWaitMs,
    maxPerAccount: services.limits.maxWaitingPerAccount,
    maxTotal: services.limits.maxWaiting,
  });
  addJoinerRoutes(app, services, { authentication, waiting });
  addMemberRoutes(app, services, { authentication, waiting });
}

interface Shared {
  readonly authentication: ApiAuthentication;
  readonly waiting: Waiting;
}

function addJoinerRoutes(app: FastifyInstance, { joins, limits }: Services, { authentication, waiting }: Shared): void {
  const typed = app.withTypeProvider<ZodTypeProvider>();

  typed.post(
    "/v1/channels/joins",
    {
      bodyLimit: textLength(limits.maxKeyPackageBytes) + REST_OF_BODY,
      schema: {
        operationId: "requestJoin",
        summary: "Ask to be let into a channel by an invite",
        body: z.object({
          channel,
          invite_id: inviteId,
          request_id: requestId,
          key_package: bytes(1, limits.maxKeyPackageBytes, "MLS key package"),
          proof: bytes(64, 64, "Signature by the invite's key"),
        }),
        response: { 202: joinState, ...FAILURES },
      },
    },
    async (request, reply) => {
      const { channel: name, invite_id: id, request_id: request_, key_package: keyPackage, proof } = request.body;
      const submission = { channel: name, inviteId: id, requestId: request_, keyPackage, proof };
      return reply.code(202).send(shown(await joins.submit(authentication.accountOf(request), submission)));
    },
  );

  typed.get(
    "/v1/channels/joins/:id",
    {
      schema: {
        operationId: "getJoin",
        summary: "Get the response to one's join request, or wait for it",
        params,
        querystring: z.object({ wait }),
        response: { 200: joinState, ...FAILURES },
      },
    },
    async (request, reply) => {
      const accountId = authentication.accountOf(request);
      const { id } = request.params;
      const state = await waiting.waitFor(reply, accountId, request.query.wait, {
        topic: joinTopic(id),
        ask: () => joins.get(accountId, id),
        isNews: ({ status }) => status !== "pending",
      });
      return shown(state);
    },
  );

  typed.post(
    "/v1/channels/joins/:id/rejection",
    {
      schema: {
        operationId: "rejectWelcome",
        summary: "Reject an unusable Welcome; the request waits for the response of another account",
        params,
        response: { 200: joinState, ...FAILURES },
      },
    },
    async (request) => shown(await joins.rejectResponse(authentication.accountOf(request), request.params.id)),
  );

  typed.delete(
    "/v1/channels/joins/:id",
    {
      schema: {
        operationId: "removeJoin",
        summary: "Withdraw one's join request, or remove it with its response",
        params,
        response: { 204: nothing, ...FAILURES },
      },
    },
    async (request, reply) => {
      await joins.remove(authentication.accountOf(request), request.params.id);
      return reply.code(204).send();
    },
  );
}

function addMemberRoutes(app: FastifyInstance, { joins, channels, limits }: Services, { authentication, waiting }: Shared): void {
  const typed = app.withTypeProvider<ZodTypeProvider>();

  typed.get(
    "/v1/channels/pending",
    {
      schema: {
        operationId: "listPending",
        summary: "List the requests to join a channel that wait for a member, or wait for the next one",
        querystring: z.object({ channel, limit: limit(MAX_PAGE), after, wait }),
        response: {
          200: z.object({ pending: z.array(pendingJoin), next: after.describe("Ask with it for the requests that come after these") }),
          ...FAILURES,
        },
      },
    },
    async (request, reply) => {
      const accountId = authentication.accountOf(request);
      const { channel: name, wait: seconds, ...page } = request.query;
      const { items, next } = await waiting.waitFor(reply, accountId, seconds, {
        topic: channelTopic(name),
        ask: () => joins.pending(accountId, name, page),
        isNews: (found) => found.items.length > 0,
        take: (news) => newsAfter(news as PendingJoin, page.after),
        confirm: () => channels.checkUsable(accountId, name),
      });
      authentication.charge(request, items.length * JOIN_COST);
      return { pending: items.map(shownToMembers), next };
    },
  );

  typed.post(
    "/v1/channels/pending/:id/welcome",
    {
      bodyLimit: textLength(limits.maxWelcomeBytes) + REST_OF_BODY,
      schema: {
        operationId: "admit",
        summary: "Approve a join request with a Welcome",
        params,
        body: z.object({
          channel,
          welcome: bytes(1, limits.maxWelcomeBytes, "MLS welcome"),
          member_key: bytes(1, 133, "Signature key of the new member").optional(),
          sequence: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER).optional().describe("Where to read the channel's log from"),
        }),
        response: { 204: nothing, ...FAILURES },
      },
    },
    async (request, reply) => {
      const { channel: name, welcome, sequence, member_key: memberKey } = request.body;
      const response = { status: "admitted", welcome, sequence, memberKey } as const;
      await joins.respond(authentication.accountOf(request), name, request.params.id, response);
      return reply.code(204).send();
    },
  );

  typed.post(
    "/v1/channels/pending/:id/refusal",
    {
      schema: {
        operationId: "refuse",
        summary: "Reject a join request",
        params,
        body: z.object({ channel, reason: z.string().max(200).optional() }),
        response: { 204: nothing, ...FAILURES },
      },
    },
    async (request, reply) => {
      const { channel: name, reason } = request.body;
      await joins.respond(authentication.accountOf(request), name, request.params.id, { status: "refused", reason });
      return reply.code(204).send();
    },
  );
}

function shown({ requestId, channel, status, createdAt, expiresAt, welcome, sequence, reason }: JoinState): z.infer<typeof joinState> {
  return {
    request_id: requestId,
    channel,
    status,
    created_at: timeText(createdAt),
    expires_at: timeText(expiresAt),
    welcome,
    sequence,
    reason,
  };
}

function shownToMembers({ request, invite }: PendingJoin): z.infer<typeof pendingJoin> {
  return {
    request_id: request.requestId,
    account_id: request.accountId,
    invite_id: request.inviteId,
    rejected_answers_of: request.rejected === undefined ? undefined : [...request.rejected],
    key_package: request.keyPackage,
    proof: request.proof,
    created_at: timeText(request.createdAt),
    expires_at: timeText(request.expiresAt),
    invite: {
      invite_key: invite.inviteKey,
      attestation: invite.attestation,
      max_uses: invite.maxUses,
      created_by: invite.createdBy,
      expires_at: timeText(invite.expiresAt),
    },
  };
}

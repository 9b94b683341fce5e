import type { FastifyInstance } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import { z } from "zod";
import type { InviteInfo } from "../invites.ts";
import type { Services } from "../services.ts";
import type { ApiAuthentication } from "./authentication.ts";
import { after, bytes, channel, FAILURES, inviteId, limit, next, nothing, time, timeText } from "./schemas.ts";

const invite = z.object({
  id: z.string(),
  channel: z.string(),
  invite_key: z.string(),
  attestation: z.string().optional(),
  max_uses: z.number(),
  uses: z.number().describe("Requests that were admitted, or wait"),
  created_by: z.string(),
  status: z.enum(["open", "exhausted", "expired", "revoked"]),
  created_at: time,
  expires_at: time,
});

const SECOND = 1000;
const MAX_PAGE = 100;
/** What an entry of a list costs, in calls. */
const ENTRY_COST = 0.1;

/** Adds the calls about invites, for those who may use their channel. */
export function addInviteRoutes(app: FastifyInstance, { invites, limits }: Services, authentication: ApiAuthentication): void {
  const typed = app.withTypeProvider<ZodTypeProvider>();

  typed.post(
    "/v1/channels/invites",
    {
      schema: {
        operationId: "createInvite",
        summary: "Make an invite; its secret stays with the one who makes it",
        body: z.object({
          channel,
          invite_key: bytes(32, 32, "Public key (Ed25519) that follows from the invite's secret"),
          attestation: bytes(0, limits.maxAttestationBytes, "The terms, signed by a member: what members check the invite by"),
          max_uses: z.number().int().min(1).default(1),
          ttl_seconds: z.number().int().min(1).default(3600),
        }),
        response: { 201: invite, ...FAILURES },
      },
    },
    async (request, reply) => {
      const { channel: name, invite_key: inviteKey, attestation, max_uses: maxUses, ttl_seconds: ttl } = request.body;
      const options = { channel: name, inviteKey, attestation, maxUses, ttlMs: ttl * SECOND };
      return reply.code(201).send(shown(await invites.create(authentication.accountOf(request), options)));
    },
  );

  typed.get(
    "/v1/channels/invites",
    {
      schema: {
        operationId: "listInvites",
        summary: "List the invites of a channel, including those that ended within the retention time",
        querystring: z.object({ channel, limit: limit(MAX_PAGE), after }),
        response: { 200: z.object({ invites: z.array(invite), next }), ...FAILURES },
      },
    },
    async (request) => {
      const page = await invites.list(authentication.accountOf(request), request.query.channel, request.query);
      authentication.charge(request, page.items.length * ENTRY_COST);
      return { invites: page.items.map(shown), next: page.next };
    },
  );

  typed.delete(
    "/v1/channels/invites/:id",
    {
      schema: {
        operationId: "revokeInvite",
        summary: "Revoke an invite that one created, or of a channel of one's own; its waiting join requests are rejected",
        params: z.object({ id: inviteId }),
        querystring: z.object({ channel }),
        response: { 204: nothing, ...FAILURES },
      },
    },
    async (request, reply) => {
      await invites.revoke(authentication.accountOf(request), request.query.channel, request.params.id);
      return reply.code(204).send();
    },
  );
}

function shown({
  id,
  channel,
  inviteKey,
  attestation,
  maxUses,
  uses,
  createdBy,
  status,
  createdAt,
  expiresAt,
}: InviteInfo): z.infer<typeof invite> {
  return {
    id,
    channel,
    invite_key: inviteKey,
    attestation,
    max_uses: maxUses,
    uses,
    created_by: createdBy,
    status,
    created_at: timeText(createdAt),
    expires_at: timeText(expiresAt),
  };
}

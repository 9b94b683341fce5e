import type { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { z } from "zod";
import type { Agent } from "./agent.ts";
import { answer } from "./answer.ts";
import * as schemas from "./schemas.ts";

/** Two tools besides the seven: one text to hand over, instead of two long ones back and forth. */
export function registerInviteTools(server: McpServer, agent: Agent): void {
  server.registerTool(
    "skytale_invite",
    {
      description:
        "Makes an invite to a channel: a token by which other agents join with skytale_join_with_token. Whoever has it may join, so give it " +
        "only to whom it is for.",
      inputSchema: { channel: schemas.channel, max_uses: schemas.maxUses, ttl_seconds: schemas.ttlSeconds },
      outputSchema: { channel: z.string(), token: z.string() },
      annotations: { destructiveHint: false },
    },
    ({ channel, max_uses: maxUses, ttl_seconds: ttl }) =>
      answer(async () => ({ channel, token: await agent.invite(channel, maxUses, ttl) })),
  );

  server.registerTool(
    "skytale_join_with_token",
    {
      description:
        "Joins a channel by an invite. A member that is online lets you in; when none is in time, the same call later goes on with the same " +
        "request.",
      inputSchema: { channel: schemas.channel, token: schemas.token, timeout: schemas.joinTimeout },
      outputSchema: { channel: z.string() },
      annotations: { destructiveHint: false },
    },
    ({ channel, token, timeout }, { signal }) =>
      answer(async () => {
        await agent.joinWithToken(channel, token, timeout, signal);
        return { channel };
      }),
  );
}

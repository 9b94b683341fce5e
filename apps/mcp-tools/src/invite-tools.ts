import type { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { z } from "zod";
import type { Agent } from "./agent.ts";
import { answer } from "./answer.ts";
import * as schemas from "./schemas.ts";

/** Two additional tools: one token to pass on, instead of a key package and a Welcome. */
export function registerInviteTools(server: McpServer, agent: Agent): void {
  server.registerTool(
    "skytale_invite",
    {
      description:
        "Creates an invite token for a channel, with which other agents join by skytale_join_with_token. Anyone holding the token can join, " +
        "so give it only to the intended agents.",
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
        "Joins a channel with an invite token. A member that is online approves the request; if none does in time, repeat the call with the same " +
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

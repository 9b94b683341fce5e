import { relayToken } from "../channels/relay-token.ts";
import { EXIT } from "../cli-error.ts";
import { get, isOfDev, serverUrl, variablesOf } from "./server-checks.ts";
import { failed, ok, skipped, warning, type Check } from "./check.ts";

const ECHO = "https://layr8.io/protocols/echo/1.0";
/** A DID for which no key may list credentials by accident. */
const NO_DID = "did:web:localhost:parley-doctor";

/** What helps if a server of `parley dev` does not accept the key. */
const DEV_KEY = "start `parley dev` again, which prints valid keys, and use these: `parley run -- <command>`, or the .env that it writes";

/** Checks that act as an agent of the node. */
export const NODE_KEY_CHECKS: readonly Check[] = [
  {
    id: "node-key",
    title: "API key of the node",
    needs: ["node-health"],
    run: async (context) => {
      const headers = { "x-api-key": variablesOf(context).LAYR8_API_KEY ?? "" };
      const path = `/api/v1/credentials?holder_did=${NO_DID}&limit=1`;
      const { status } = await get(serverUrl(context, "LAYR8_NODE_URL"), path, context.timeoutMs, headers);
      if (status !== 401) return ok("accepted");
      const remedy = isOfDev(context, "LAYR8_NODE_URL")
        ? DEV_KEY
        : "set LAYR8_API_KEY to a key of this node, or create one: `layr8-node keys create --help`";
      return failed("the node does not accept LAYR8_API_KEY", remedy, EXIT.refused);
    },
  },
  {
    id: "node-echo",
    title: "message to oneself through the node",
    needs: ["node-key"],
    run: async (context) => {
      const { LAYR8_NODE_URL: nodeUrl, LAYR8_API_KEY: apiKey, LAYR8_AGENT_DID: agentDid } = variablesOf(context);
      const { Client } = await import("layr8");
      // Without a DID: one is assigned, so that no agent that runs loses its messages to this check.
      const client = new Client({ nodeUrl, apiKey, requestTimeoutMs: context.timeoutMs }, () => undefined);
      client.handle(`${ECHO}/request`, ({ body }) => ({ type: `${ECHO}/response`, body }));
      try {
        await client.connect({ signal: AbortSignal.timeout(context.timeoutMs) });
        await client.request({ type: `${ECHO}/request`, to: client.did, body: {} });
        return ok(`answered by ${client.did}`);
      } catch (error) {
        // A key may be restricted to DIDs of its own. Then only their agents can check more.
        if (agentDid !== undefined || !(error instanceof Error) || !error.message.includes("assigned no DIDs")) throw error;
        return warning("the key is assigned no DIDs", "set LAYR8_AGENT_DID to a DID that the key may bind");
      } finally {
        await client.close();
      }
    },
  },
];

/** Checks of an account of the API server and of the relay. */
export const ACCOUNT_CHECKS: readonly Check[] = [
  {
    id: "account",
    title: "account and API key of the API server",
    needs: ["api-health"],
    run: async (context) => {
      const headers = { authorization: `Bearer ${variablesOf(context).SKYTALE_API_KEY ?? ""}` };
      const { status, body } = await get(serverUrl(context, "SKYTALE_API_URL"), "/v1/accounts/me", context.timeoutMs, headers);
      if (status === 200) return ok(typeof body?.["id"] === "string" ? `account ${body["id"]}` : "accepted");
      const remedy = isOfDev(context, "SKYTALE_API_URL")
        ? DEV_KEY
        : "set SKYTALE_API_KEY to a key of this server, or create one: `skytale-server keys create --help`";
      if (status === 401) return failed("the API server does not accept SKYTALE_API_KEY", remedy, EXIT.refused);
      return failed(`the API server answered HTTP ${status}`, "see the log of the server");
    },
  },
];

/** The relay accepts a token of the API server. */
export const RELAY_CHECK: Check = {
  id: "relay-stream",
  title: "token of the API server at the relay",
  needs: ["account", "relay-tls"],
  run: async (context) => {
    const { SKYTALE_RELAY: url, SKYTALE_API_KEY: apiKey = "", SKYTALE_DATA_DIR: dataDir } = variablesOf(context);
    if (url === undefined) return skipped("SKYTALE_RELAY is not set");
    const { RelayClient } = await import("@parley/skytale-relay");
    const apiUrl = serverUrl(context, "SKYTALE_API_URL").href;
    const token = (): Promise<string> => relayToken({ apiUrl, apiKey }, AbortSignal.timeout(context.timeoutMs));
    const relay = new RelayClient({ url, token, limits: { openTimeoutMs: context.timeoutMs } });
    try {
      await relay.connect();
    } catch (error) {
      if ((error as { readonly code?: unknown }).code !== "unauthenticated") throw error;
      return failed(
        "the relay does not accept tokens of this API server",
        "set SKYTALE_RELAY and SKYTALE_API_URL to the same server",
        EXIT.refused,
      );
    } finally {
      await relay.close();
    }
    if (dataDir !== undefined) return ok("accepted");
    return ok("accepted; SKYTALE_DATA_DIR is not set, so agents without dataDir lose their channels at their end");
  },
};

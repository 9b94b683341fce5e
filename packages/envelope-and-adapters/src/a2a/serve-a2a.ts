import { ChannelUser } from "./channel-user.ts";
import type { A2ARequestHandler } from "@a2a-js/sdk/server";
import type { EnvelopePort } from "../port.ts";
import { checkAdapterOptions, checkPort } from "../internal/arguments.ts";
import { CallListener, type A2aServeOptions } from "./call-listener.ts";
import { A2A_CHANNEL_BINDING } from "./extension.ts";
import { loadSdk } from "./sdk.ts";

/** A served agent. */
export interface A2aServing extends AsyncDisposable {
  /** Answers all calls with an error and stops listening. Running tasks continue in the request handler. Idempotent. */
  close(): Promise<void>;
  /** Resolves when serving has ended; rejects if the port failed. */
  readonly closed: Promise<void>;
}

const KNOWN = ["maxCalls", "maxCallsPerSender", "maxMessageBytes", "accepts", "telemetry", "onError"];

/**
 * Serves an agent to all members of a channel, with the official request handler. Resolves once it listens.
 *
 * The agent's card must contain an interface created by {@link a2aChannelInterface}: its URL is the address that clients call. The `user` of the
 * call's context is the caller, authenticated by the channel. While the connection is down, answers wait.
 *
 * @throws AdapterError `sdk_missing`
 * @throws TypeError the card has no such interface, or an argument or option is invalid
 *
 * @example
 * ```ts
 * import type { AgentCard } from "@a2a-js/sdk";
 * import { DefaultRequestHandler, InMemoryTaskStore, type AgentExecutor } from "@a2a-js/sdk/server";
 * import type { EnvelopePort } from "@parley/envelope-and-adapters";
 * import { serveA2a } from "@parley/envelope-and-adapters/a2a";
 *
 * async function serve(port: EnvelopePort, card: AgentCard, executor: AgentExecutor) {
 *   return serveA2a(port, new DefaultRequestHandler(card, new InMemoryTaskStore(), executor));
 * }
 * ```
 */
export async function serveA2a(port: EnvelopePort, handler: A2ARequestHandler, options: A2aServeOptions = {}): Promise<A2aServing> {
  checkPort(port);
  checkAdapterOptions(options, KNOWN);
  if (typeof handler?.getAgentCard !== "function") {
    throw new TypeError("serveA2a needs a request handler of the A2A SDK, such as new DefaultRequestHandler(card, store, executor)");
  }
  const { base, server } = await loadSdk();
  const card = await handler.getAgentCard();
  const urls = card.supportedInterfaces.filter(({ protocolBinding }) => protocolBinding === A2A_CHANNEL_BINDING).map(({ url }) => url);
  if (urls.length === 0)
    throw new TypeError("The agent's card has no interface for channels: add a2aChannelInterface(agentId) to its supportedInterfaces");
  const rpc = new server.JsonRpcTransportHandler(handler);
  return new CallListener(
    port,
    {
      urls: new Set(urls),
      card: async () => base.AgentCard.toJSON(await handler.getAgentCard()) as object,
      errorOf: (error) => server.JsonRpcTransportHandler.mapToJSONRPCError(error),
      handle: async (request, { parameters, sender, senderKey }) => {
        const version = parameters["A2A-Version"];
        const context = server.defaultServerCallContextBuilder({
          extensions: (parameters["A2A-Extensions"] ?? "").split(",").flatMap((uri) => uri.trim() || []),
          user: new ChannelUser({ sender, senderKey }),
          headers: parameters,
          ...(version === undefined ? {} : { requestedVersion: version }),
        });
        server.validateVersion(context.requestedVersion, await handler.getAgentCard(), A2A_CHANNEL_BINDING);
        const answer = await rpc.handle(request, context);
        return { answer, extensions: () => [...(context.activatedExtensions ?? [])] };
      },
    },
    options,
  );
}

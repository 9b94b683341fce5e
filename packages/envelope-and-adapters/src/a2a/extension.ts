import type { AgentExtension, AgentInterface } from "@a2a-js/sdk";

/** The version of A2A that this package writes. */
export const A2A_VERSION = "1.0";

/**
 * The protocol binding "A2A over a channel", which {@link a2aChannelInterface} adds to an agent card. The README documents its wire format.
 */
export const A2A_CHANNEL_BINDING = "https://github.com/parley-dev/parley/a2a/bindings/channel/v1";

/**
 * The A2A extension "encrypted contexts": the agent supports contexts that are channels. The README documents its params.
 */
export const A2A_ENCRYPTED_CONTEXTS_EXTENSION = "https://github.com/parley-dev/parley/a2a/extensions/encrypted-contexts/v1";

/**
 * Creates the entry for `supportedInterfaces` of the card of an agent that {@link serveA2a} serves. Its URL is `a2a-channel://<agent id>`.
 *
 * @throws TypeError the id has other characters than letters, digits, `.`, `_`, `-`
 */
export function a2aChannelInterface(agentId: string): AgentInterface {
  if (typeof agentId !== "string" || !/^[\w.-]{1,128}$/.test(agentId)) {
    throw new TypeError("An agent id must have 1 to 128 letters, digits, dots, underscores or hyphens");
  }
  return { url: `a2a-channel://${agentId}`, protocolBinding: A2A_CHANNEL_BINDING, tenant: "", protocolVersion: A2A_VERSION };
}

/** The entry for `capabilities.extensions` of an agent's card. */
export function encryptedContextsExtension(agentId: string, org: string): AgentExtension {
  return {
    uri: A2A_ENCRYPTED_CONTEXTS_EXTENSION,
    description: "Takes part in contexts that are end-to-end encrypted channels, one channel per context.",
    required: false,
    params: { agentId, channel: `${org}/a2a/{contextId}`, protocolVersion: A2A_VERSION },
  };
}

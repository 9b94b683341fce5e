import type { AgentCard } from "@a2a-js/sdk";
import { a2aChannelInterface } from "@parley/envelope-and-adapters/a2a";
import { AGENT } from "./place.ts";

/** The agent's card. Its only interface is on the channel. */
export const CARD: AgentCard = {
  name: AGENT,
  description: "Counts on request: count to 5.",
  version: "1.0.0",
  supportedInterfaces: [a2aChannelInterface(AGENT)],
  provider: undefined,
  capabilities: { streaming: true, pushNotifications: false, extendedAgentCard: false, extensions: [] },
  securitySchemes: {},
  securityRequirements: [],
  defaultInputModes: ["text/plain"],
  defaultOutputModes: ["text/plain"],
  skills: [
    {
      id: "count",
      name: "Count",
      description: "Counts to a number, one step every 100 ms.",
      tags: ["numbers"],
      examples: ["count to 5"],
      inputModes: ["text/plain"],
      outputModes: ["text/plain"],
      securityRequirements: [],
    },
  ],
  signatures: [],
};

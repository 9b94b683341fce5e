import type { AgentCard } from "@a2a-js/sdk";
import { a2aChannelInterface } from "@parley/envelope-and-adapters/a2a";
import { AGENT } from "./place.ts";

/** What the agent says of itself. Its only address is on the channel. */
export const CARD: AgentCard = {
  name: AGENT,
  description: "Counts, if you ask it to: count to 5.",
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
      description: "Counts to a number, a step every tenth of a second.",
      tags: ["numbers"],
      examples: ["count to 5"],
      inputModes: ["text/plain"],
      outputModes: ["text/plain"],
      securityRequirements: [],
    },
  ],
  signatures: [],
};

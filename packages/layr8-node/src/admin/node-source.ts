import type { AdminHub } from "@parley/server-kit";
import { nodeActions } from "./actions.ts";
import { readAgent, readAgents } from "./agents.ts";
import { readCredentials, verifyStored } from "./credentials.ts";
import { findMessage } from "./find-message.ts";
import { readFederation, readOutbound, resolveDid } from "./federation.ts";
import { readKeys } from "./keys.ts";
import { readLimitUse } from "./limits.ts";
import { NodeRecorder } from "./node-recorder.ts";
import { readDeadLetter, readDeadLetters, readMessage } from "./messages.ts";
import { readOverview } from "./overview.ts";
import { readPassage } from "./passage.ts";
import type { NodeParts, NodeView } from "./node-view.ts";

/** Shows a node in a console. */
export function attachNode(hub: AdminHub, parts: NodeParts): NodeRecorder {
  const view = (): NodeView => ({ ...parts, recorder, showsBodies: hub.keepsBodies });
  const record = hub.attach({
    name: "node",
    title: "layr8 node",
    reads: {
      overview: () => readOverview(view()),
      agents: (parameters) => readAgents(view(), parameters),
      agent: (parameters) => readAgent(view(), parameters),
      passage: (parameters) => readPassage(view(), parameters),
      federation: () => readFederation(view()),
      outbound: (parameters) => readOutbound(view(), parameters),
      resolve: ({ did = "" }) => resolveDid(view(), did),
      credentials: ({ did = "" }) => readCredentials(view(), did),
      verify: ({ id = "" }) => verifyStored(view(), id),
      limits: () => readLimitUse(view()),
      keys: () => readKeys(view()),
      "find-message": (parameters) => findMessage(view(), parameters),
      message: (parameters) => readMessage(view(), parameters),
      "dead-letters": (parameters) => readDeadLetters(view(), parameters),
      "dead-letter": (parameters) => readDeadLetter(view(), parameters),
    },
    actions: nodeActions(parts),
    sample: () => {
      const { stores, router, federation, sockets } = parts;
      const { messages, blocked } = federation().depth;
      const inbox = stores.inbox.totals().messages;
      if (inbox + messages === 0) recorder.clearWaiting();
      return {
        ...recorder.sample(),
        inbox,
        outbound: messages,
        blocked,
        agents: router().mailboxes.connected,
        sockets: sockets(),
      };
    },
  });
  const recorder = new NodeRecorder(record, { keepsBodies: hub.keepsBodies });
  return recorder;
}

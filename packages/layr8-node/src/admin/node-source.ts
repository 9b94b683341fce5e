import type { AdminHub, AdminParameters, ServerStorage } from "@parley/server-kit";
import type { DidResolver } from "@parley/did";
import type { CredentialVerifier } from "../credentials/verifier.ts";
import type { Federation } from "../federation/federation.ts";
import type { NodeLimits } from "../options.ts";
import type { Policies } from "../routing/authorize/policy.ts";
import type { Router } from "../routing/router.ts";
import type { Stores } from "../stores.ts";
import { readAgent, readAgents } from "./agents.ts";
import { readCredentials, verifyStored } from "./credentials.ts";
import { readFederation, resolveDid } from "./federation.ts";
import { readKeys } from "./keys.ts";
import { readLimitUse } from "./limits.ts";
import { NodeRecorder } from "./node-recorder.ts";
import { readOverview } from "./overview.ts";
import { readPassage } from "./passage.ts";

/** The components of a node that its console reads. Some exist only after the start. */
export interface NodeParts {
  readonly storage: ServerStorage;
  readonly stores: Stores;
  readonly limits: NodeLimits;
  readonly policies: Policies;
  readonly router: () => Router;
  readonly federation: () => Federation;
  readonly resolver: () => DidResolver;
  readonly verifier: () => CredentialVerifier;
  readonly sockets: () => number;
  readonly url: () => string;
  readonly revokeApiKey: (id: string) => Promise<boolean>;
}

/** What the reads answer from. */
export interface NodeView extends NodeParts {
  readonly recorder: NodeRecorder;
}

/** Shows a node in a console. */
export function attachNode(hub: AdminHub, parts: NodeParts): NodeRecorder {
  const view = (): NodeView => ({ ...parts, recorder });
  const record = hub.attach({
    name: "node",
    title: "layr8 node",
    reads: {
      overview: () => readOverview(view()),
      agents: (parameters) => readAgents(view(), parameters),
      agent: (parameters) => readAgent(view(), parameters),
      passage: (parameters) => readPassage(view(), parameters),
      federation: () => readFederation(view()),
      resolve: ({ did = "" }) => resolveDid(view(), did),
      credentials: ({ did = "" }) => readCredentials(view(), did),
      verify: ({ id = "" }) => verifyStored(view(), id),
      limits: () => readLimitUse(view()),
      keys: () => readKeys(view()),
    },
    actions: {
      "revoke-key": async ({ key = "" }: AdminParameters) => ({ revoked: await parts.revokeApiKey(key) }),
    },
    sample: () => {
      const { stores, router, federation, sockets } = parts;
      const { messages, blocked } = federation().depth;
      return {
        ...recorder.sample(),
        inbox: stores.inbox.totals().messages,
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

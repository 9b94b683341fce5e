import type { ServerStorage } from "@parley/server-kit";
import type { DidResolver } from "@parley/did";
import type { CredentialVerifier } from "../credentials/verifier.ts";
import type { NodeOperator } from "../node-operator.ts";
import type { Federation } from "../federation/federation.ts";
import type { NodeLimits } from "../options.ts";
import type { Policies } from "../routing/authorize/policy.ts";
import type { Router } from "../routing/router.ts";
import type { Stores } from "../stores.ts";
import type { NodeRecorder } from "./node-recorder.ts";

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
  readonly operator: NodeOperator;
  readonly revokeApiKey: (id: string) => Promise<boolean>;
}

/** What the reads answer from. */
export interface NodeView extends NodeParts {
  readonly recorder: NodeRecorder;
  /** Whether the console shows bodies of messages. */
  readonly showsBodies: boolean;
}

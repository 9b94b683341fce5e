import type { StartedParts } from "@parley/server-kit";
import type { Resolution } from "./network/resolution.ts";
import type { Mediator } from "./mediation/mediator.ts";
import type { ReadNodeOptions } from "./options.ts";
import type { Policies } from "./routing/authorize/policy.ts";
import type { Stores } from "./stores.ts";

/** Components and options of `RunningNode`. */
export interface NodeParts extends StartedParts {
  readonly stores: Stores;
  readonly options: ReadNodeOptions;
  readonly policies: Policies;
  readonly mediator: Mediator | undefined;
  readonly resolution: Resolution;
  readonly apiKey: string | undefined;
}

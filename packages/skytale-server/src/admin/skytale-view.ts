import type { ServerStorage } from "@parley/server-kit";
import type { Services } from "../api/services.ts";
import type { ReadSkytaleOptions } from "../options.ts";
import type { ServerOperator } from "../server-operator.ts";
import type { Relay } from "../relay/relay.ts";
import type { Stores } from "../stores.ts";
import type { SkytaleRecorder } from "./skytale-recorder.ts";

/** The components of a server that its console reads. The relay exists only after the start. */
export interface SkytaleParts {
  readonly storage: ServerStorage;
  readonly stores: Stores;
  readonly services: Services;
  readonly options: ReadSkytaleOptions;
  readonly relay: () => Relay;
  readonly urls: () => { readonly api: string; readonly relay: string };
  readonly operator: ServerOperator;
  readonly revokeApiKey: (id: string) => Promise<void>;
}

/** What the reads answer from. */
export interface SkytaleView extends SkytaleParts {
  readonly recorder: SkytaleRecorder;
}

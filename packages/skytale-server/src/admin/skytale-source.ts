import type { AdminHub, ServerStorage } from "@parley/server-kit";
import type { Services } from "../api/services.ts";
import type { ReadSkytaleOptions } from "../options.ts";
import type { Relay } from "../relay/relay.ts";
import type { Stores } from "../stores.ts";
import { readAccounts } from "./accounts.ts";
import { readChannel, readChannels } from "./channels.ts";
import { readInvites } from "./invites.ts";
import { readLimitUse } from "./limits.ts";
import { readOverview } from "./overview.ts";
import { SkytaleRecorder } from "./skytale-recorder.ts";

/** The components of a server that its console reads. The relay exists only after the start. */
export interface SkytaleParts {
  readonly storage: ServerStorage;
  readonly stores: Stores;
  readonly services: Services;
  readonly options: ReadSkytaleOptions;
  readonly relay: () => Relay;
  readonly urls: () => { readonly api: string; readonly relay: string };
  readonly revokeApiKey: (id: string) => Promise<void>;
}

/** What the reads answer from. */
export interface SkytaleView extends SkytaleParts {
  readonly recorder: SkytaleRecorder;
}

/** Shows a server in a console. */
export function attachSkytale(hub: AdminHub, parts: SkytaleParts): SkytaleRecorder {
  const view = (): SkytaleView => ({ ...parts, recorder });
  const record = hub.attach({
    name: "skytale",
    title: "skytale server",
    reads: {
      overview: () => readOverview(view()),
      channels: (parameters) => readChannels(view(), parameters),
      channel: (parameters) => readChannel(view(), parameters),
      invites: (parameters) => readInvites(view(), parameters),
      accounts: (parameters) => readAccounts(view(), parameters),
      limits: () => readLimitUse(view()),
    },
    actions: {
      "revoke-key": async ({ key = "" }) => {
        await parts.revokeApiKey(key);
        return { revoked: true };
      },
    },
    sample: () => ({ ...recorder.sample(), ...parts.relay().counts }),
  });
  const recorder = new SkytaleRecorder(record);
  return recorder;
}

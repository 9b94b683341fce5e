import type { AdminHub } from "@parley/server-kit";
import { skytaleActions } from "./actions.ts";
import { readAccountChannels, readAccounts } from "./accounts.ts";
import { readChannel, readChannels } from "./channels.ts";
import { readInvites } from "./invites.ts";
import { readLimitUse } from "./limits.ts";
import { readOverview } from "./overview.ts";
import { SkytaleRecorder } from "./skytale-recorder.ts";
import type { SkytaleParts, SkytaleView } from "./skytale-view.ts";

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
      "account-channels": (parameters) => readAccountChannels(view(), parameters),
      limits: () => readLimitUse(view()),
    },
    actions: skytaleActions(parts),
    sample: () => ({ ...recorder.sample(), ...parts.relay().counts }),
  });
  const recorder = new SkytaleRecorder(record);
  return recorder;
}

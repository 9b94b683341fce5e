import type { AdminAction } from "@parley/server-kit";
import type { SkytaleParts } from "./skytale-view.ts";

/** The actions of a server, for the console and `parley`. The message of an error is shown. */
export function skytaleActions({ services, operator, revokeApiKey }: SkytaleParts): Readonly<Record<string, AdminAction>> {
  return {
    // The client makes the key and sends its hash, so that the key itself is in no response and no log.
    "create-key": ({ account = "", key = "", hash = "", name, mode }) =>
      services.keys.register(account, { id: key, hash, name, mode: mode === "test" ? "test" : "live" }),
    "revoke-key": async ({ key = "" }) => {
      await revokeApiKey(key);
      return { revoked: true };
    },
    "delete-channel": async ({ channel = "" }) => {
      await operator.deleteChannel(channel);
      return { deleted: channel };
    },
    "delete-account": async ({ account = "", channels }) => ({
      deleted: account,
      channels: await operator.deleteAccount(account, channels === "delete"),
    }),
    "rotate-server-key": async () => {
      await operator.rotateServerKey();
      return { rotated: true };
    },
    backup: ({ directory = "" }) => operator.backup(directory),
  };
}

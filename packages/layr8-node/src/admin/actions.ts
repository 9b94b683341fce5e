import type { AdminAction, AdminParameters } from "@parley/server-kit";
import type { NodeView } from "./node-view.ts";

/** The actions of a node, for the console and `parley`. The message of an error is shown. */
export function nodeActions({
  stores,
  operator,
  revokeApiKey,
}: Pick<NodeView, "stores" | "operator" | "revokeApiKey">): Readonly<Record<string, AdminAction>> {
  return {
    // The client makes the key and sends its hash, so that the key itself is in no response and no log.
    "create-key": ({ hash = "", name, dids = "", ephemeral }) =>
      stores.apiKeys.register({
        hash,
        dids: dids === "any" ? "any" : dids.split(/[\s,]+/).filter(Boolean),
        ...(name !== undefined && { name }),
        ...(ephemeral !== undefined && { ephemeral: ephemeral === "true" }),
      }),
    "revoke-key": async ({ key = "" }) => {
      found(await revokeApiKey(key), "unknown API key");
      return { revoked: true, ...(stores.apiKeys.isConfigured(key) && { validAfterRestart: true }) };
    },
    "delete-agent": async ({ did = "" }) => {
      found(await operator.deleteAgent(did), `${did} is not hosted here`);
      return { deleted: did };
    },
    "purge-message": async (parameters) => {
      found(await operator.purgeMessage(parameters["did"] ?? "", numberOf(parameters, "seq")), "the inbox does not have this message");
      return { purged: 1 };
    },
    "redeliver-message": async (parameters) => {
      const isDelivered = await operator.redeliver(parameters["did"] ?? "", numberOf(parameters, "seq"));
      found(isDelivered, "the inbox does not have this message, or no agent of the DID is connected");
      return { redelivered: 1 };
    },
    "purge-outbound": ({ from: sender = "", to: recipient = "", seq }) => ({
      purged: operator.purgeOutbound({ sender, recipient, seq: seq === undefined ? undefined : numberOf({ seq }, "seq") }),
    }),
    "replay-dead-letter": async (parameters) => {
      await operator.replayDeadLetter(numberOf(parameters, "id"));
      return { replayed: 1 };
    },
    "purge-dead-letter": async (parameters) => {
      found((await stores.deadLetters?.remove(numberOf(parameters, "id"))) === true, "no such dead letter");
      return { purged: 1 };
    },
    "purge-dead-letters": async ({ did = "" }) => ({ purged: (await stores.deadLetters?.removeAgent(did)) ?? 0 }),
    "reload-policies": async () => ({ policies: await operator.reloadPolicies() }),
    "rotate-node-key": async () => {
      await operator.rotateNodeKey();
      return { rotated: true };
    },
    backup: ({ directory = "" }) => operator.backup(directory),
  };
}

function found(isFound: boolean, reason: string): void {
  if (!isFound) throw new Error(reason);
}

/** A sequence number or an id. @throws TypeError */
function numberOf(parameters: AdminParameters, name: string): number {
  const number = Number(parameters[name]);
  if (!Number.isSafeInteger(number) || number < 1) throw new TypeError(`${name}: must be a whole number from 1`);
  return number;
}

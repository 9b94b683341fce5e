import type { NodeView } from "./node-view.ts";

/** The API keys, without the keys themselves. */
export function readKeys({ stores, router }: NodeView): unknown {
  const { mailboxes } = router();
  const use = new Map<string, { dids: number; connected: number }>();
  for (const { did, ownerKeyId } of stores.dids.all()) {
    const counted = use.get(ownerKeyId) ?? { dids: 0, connected: 0 };
    counted.dids += 1;
    if (mailboxes.isConnected(did)) counted.connected += 1;
    use.set(ownerKeyId, counted);
  }
  return {
    keys: stores.apiKeys.list().map(({ id, name, dids, ephemeral, createdAt }) => ({
      id,
      name,
      rule: dids === "any" ? "any DID" : dids.join(", "),
      ephemeral,
      createdAt,
      configured: stores.apiKeys.isConfigured(id),
      ...(use.get(id) ?? { dids: 0, connected: 0 }),
    })),
  };
}

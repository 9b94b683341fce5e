import type { SkytaleView } from "./skytale-view.ts";

const MAX_ACCOUNTS = 500;

/** Which limit am I near? Every limit, with its use where the server knows it. */
export async function readLimitUse({ services, stores, options, relay, recorder }: SkytaleView): Promise<unknown> {
  const accounts = await services.accounts.list({ limit: MAX_ACCOUNTS });
  let stored = { used: 0, by: "no account" };
  for (const { id } of accounts) {
    const used = stores.logs.log.storedBytes(id);
    if (used > stored.used) stored = { used, by: `account ${id}` };
  }
  const { streams, waitingBytes } = relay().counts;
  const use: Readonly<Record<string, { readonly used: number; readonly by: string }>> = {
    "relay.maxStreams": { used: streams, by: "all accounts" },
    "relay.maxStoredBytesPerAccount": stored,
    "relay.maxWaitingDeliveryBytes": { used: waitingBytes, by: "all accounts" },
    "api.maxWaiting": { used: services.signals.size, by: "all accounts" },
    "api.maxAccounts": { used: accounts.length, by: accounts.length === MAX_ACCOUNTS ? "or more" : "all" },
  };
  const all: Record<string, unknown> = {
    ...prefixed("api", services.limits),
    ...prefixed("relay", relay().limits),
    ...prefixed("retention", options.retention),
  };
  return {
    limits: Object.entries(all).flatMap(([name, limit]) =>
      typeof limit === "number" ? [{ name, limit: Number.isFinite(limit) ? limit : undefined, ...use[name] }] : [],
    ),
    refusals: Object.fromEntries(recorder.refusals),
  };
}

function prefixed(prefix: string, values: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [`${prefix}.${name}`, value as unknown]));
}

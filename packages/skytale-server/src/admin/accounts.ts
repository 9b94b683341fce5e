import type { AdminParameters } from "@parley/server-kit";
import type { SkytaleView } from "./skytale-view.ts";

const MAX_LISTED = 200;

/** The accounts, with their API keys, without the keys themselves. */
export async function readAccounts({ services, stores }: SkytaleView, { after = "" }: AdminParameters): Promise<unknown> {
  const accounts = await services.accounts.list({ limit: MAX_LISTED, ...(after !== "" && { after }) });
  return {
    hasMore: accounts.length === MAX_LISTED,
    accounts: await Promise.all(
      accounts.map(async ({ id, email, name, createdAt }) => ({
        id,
        email,
        name,
        createdAt,
        storedBytes: stores.logs.log.storedBytes(id),
        keys: (await services.keys.list(id)).map(({ id: keyId, name: keyName, createdAt: keyCreatedAt }) => ({
          id: keyId,
          name: keyName,
          createdAt: keyCreatedAt,
        })),
      })),
    ),
  };
}

/** The channels that an account owns, which are deleted with it. @throws ApiError `not_found` */
export async function readAccountChannels({ services }: SkytaleView, { account = "" }: AdminParameters): Promise<unknown> {
  const { owned } = await services.deletions.channelsOf(account);
  return { owned };
}

import { closeQuietly } from "@parley/core/internal";
import { createMlsEngine, type GroupStore, type MlsEngine, StoreError } from "@parley/mls-engine";
import { openFileStore } from "@parley/mls-engine/node";
import { RelayClient, type RelayClientEvents, type TokenProvider } from "@parley/skytale-relay";
import { ApiClient } from "./api/api-client.ts";
import { RETAINED_EPOCHS } from "./channel/channel-context.ts";
import type { SkytaleClientOptions } from "./client-options.ts";
import { keepsIdentity } from "./keeps-identity.ts";
import { apiOptionsOf, relayOptionsOf } from "./server-options.ts";
import { identityBytes } from "./channel/channel-member.ts";
import { type IdentityKey, loadIdentityKey } from "./identity-key.ts";

/** Sizes that messages are padded to; larger messages are padded to multiples of the last one. */
const PADDING = [256, 512, 1024, 2048, 4096, 8192, 16_384, 32_768];

/** The open data directory of an agent. */
export interface OpenAgent {
  readonly store: GroupStore;
  readonly engine: MlsEngine;
  readonly identityKey: IdentityKey;
}

/** Opens an agent's store. @throws StoreError, MlsEngineError */
export async function openAgent(options: SkytaleClientOptions): Promise<OpenAgent> {
  const { identity, authenticate = keepsIdentity, allowSameIdentity = false } = options;
  const store = options.store ?? (await openStore(options));
  try {
    const identityKey = await loadIdentityKey(store);
    const engine = await createMlsEngine({
      identity: identityBytes(identity),
      store,
      authenticate,
      allowSameIdentity,
      signatureKey: identityKey.pair,
      padding: PADDING,
      handshakes: options.handshakes ?? "private",
      limits: { retainEpochs: RETAINED_EPOCHS },
    });
    return { store, engine, identityKey };
  } catch (error) {
    await closeQuietly(() => store.close());
    throw error;
  }
}

/** The client of the API server; `undefined` without an API key. @throws TypeError */
export function apiOf(options: SkytaleClientOptions): ApiClient | undefined {
  const api = apiOptionsOf(options);
  return api && new ApiClient(api);
}

/** The client of the relay. @throws TypeError */
export function relayOf(options: SkytaleClientOptions, api: ApiClient | undefined, events: RelayClientEvents): RelayClient {
  const token: TokenProvider | undefined = api && (({ signal }) => api.relayToken({ signal }));
  return new RelayClient({ ...relayOptionsOf(options, token), events });
}

/** Opens the data directory. The error for a wrong key names the option `storageKey`. */
async function openStore({ dataDir, storageKey }: SkytaleClientOptions): Promise<GroupStore> {
  try {
    return await openFileStore(dataDir, storageKey === undefined ? {} : { encryptionKey: storageKey });
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== "wrong_key") throw error;
    throw new StoreError("wrong_key", `${error.message}. Check the option storageKey`, { cause: error });
  }
}

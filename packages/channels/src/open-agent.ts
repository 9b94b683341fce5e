import { closeQuietly } from "@parley/core/internal";
import { createMlsEngine, type GroupStore, type MlsEngine, StoreError } from "@parley/mls-engine";
import { openFileStore } from "@parley/mls-engine/node";
import { RelayClient, type RelayClientEvents, type TokenProvider } from "@parley/skytale-relay";
import { ApiClient } from "./api/api-client.ts";
import { RETAINED_EPOCHS } from "./channel/channel-context.ts";
import { keepsIdentity, type SkytaleClientOptions } from "./client-options.ts";
import { AuthError } from "./errors.ts";
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
export function apiOf({ apiKey, apiUrl }: SkytaleClientOptions): ApiClient | undefined {
  if (apiKey === undefined) return undefined;
  if (apiUrl === undefined)
    throw new TypeError("apiUrl is missing: set it to the URL of the API server that issued apiKey, such as https://api.skytale.sh");
  return new ApiClient({ apiKey, apiUrl });
}

/** The client of the relay. @throws TypeError */
export function relayOf(
  { endpoint, transport, ca, token, relayLimits }: SkytaleClientOptions,
  api: ApiClient | undefined,
  events: RelayClientEvents,
): RelayClient {
  return new RelayClient({
    ...(transport === undefined ? { url: endpoint } : { transport }),
    ...(ca !== undefined && { ca }),
    ...(relayLimits !== undefined && { limits: relayLimits }),
    token: token ?? tokensOf(api),
    events,
  });
}

function tokensOf(api: ApiClient | undefined): TokenProvider {
  if (api !== undefined) return ({ signal }) => api.relayToken({ signal });
  return () => {
    throw new AuthError(
      "api_key_required",
      "this client has no apiKey, which it needs to get a token for the relay: set apiKey and apiUrl, or SKYTALE_API_KEY and SKYTALE_API_URL",
    );
  };
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

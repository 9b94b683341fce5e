import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));
/** Installed by `npm run slim-bindings`. They are no dependency of this package because of their size, 51 MB for one platform. */
const ENTRY = join(REPOSITORY, ".cache", "slim-bindings", "node_modules", "@agntcy", "slim-bindings", "index.js");

/** The part of @agntcy/slim-bindings that the benchmark uses. */
export interface SlimBindings {
  initializeWithDefaults(): void;
  getGlobalService(): SlimService;
  newInsecureServerConfig(endpoint: string): unknown;
  newInsecureClientConfig(url: string): unknown;
  readonly Name: new (organisation: string, namespace: string, name: string) => unknown;
  readonly SessionType: { readonly Group: unknown };
}

interface SlimService {
  runServerAsync(config: unknown): Promise<void>;
  connectAsync(config: unknown): Promise<unknown>;
  createAppWithSecret(name: unknown, secret: string): SlimApp;
}

export interface SlimApp {
  name(): unknown;
  subscribeAsync(name: unknown, connection: unknown): Promise<void>;
  setRouteAsync(name: unknown, connection: unknown): Promise<void>;
  createSessionAndWaitAsync(config: object, channel: unknown): Promise<SlimSession>;
  listenForSessionAsync(timeoutMs: number): Promise<SlimSession>;
}

export interface SlimSession {
  inviteAndWaitAsync(name: unknown): Promise<void>;
  publishAsync(data: ArrayBuffer, payloadType: undefined, metadata: undefined): Promise<{ waitAsync(): Promise<void> }>;
  getMessageAsync(timeoutMs: number): Promise<unknown>;
}

/** Why the peer can't be measured; `undefined` if it can. */
export function missingSlim(): string | undefined {
  return existsSync(ENTRY) ? undefined : "run `npm run slim-bindings`";
}

/** @throws Error if it isn't there: check {@link missingSlim} first. */
export async function loadSlim(): Promise<SlimBindings> {
  const { default: slim } = (await import(pathToFileURL(ENTRY).href)) as { default: SlimBindings };
  return slim;
}

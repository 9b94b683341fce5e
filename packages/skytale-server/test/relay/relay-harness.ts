import { connectInMemory, RelayClient, type RelayClientOptions } from "@parley/skytale-relay";
import type { Access, Principal } from "../../src/relay/access.ts";
import { AccessError } from "../../src/relay/access-error.ts";
import { openLogs, type Logs, type LogsOptions } from "../../src/log/open-logs.ts";
import { listenGrpc, type GrpcListener } from "../../src/relay/grpc-server.ts";
import { Relay, type RelayOptions } from "../../src/relay/relay.ts";

export const CHANNEL = "acme/team/general";

/** Access by plain tokens: `account`, `account/key` or `account/key/expiry`. Everything is allowed except `denied`. */
class TestAccess implements Access {
  readonly revokedKeys = new Set<string>();
  /** `account action channel`, such as `mallory read acme/team/general`. */
  readonly denied = new Set<string>();
  readonly seen: string[] = [];

  authenticate(token: string): Promise<Principal> {
    this.seen.push(token);
    const [accountId = "", keyId, expiry] = token.split("/");
    if (accountId === "" || accountId === "nobody") return Promise.reject(new AccessError("token_invalid", "This token is not ours"));
    const lifetimeMs = expiry === undefined ? 3_600_000 : Number(expiry) - Date.now();
    const principal = { accountId, keyId, lifetimeMs };
    if (this.isRevoked(principal)) return Promise.reject(new AccessError("key_revoked", "The key is revoked"));
    if (lifetimeMs <= 0) return Promise.reject(new AccessError("token_expired", "The token has expired"));
    return Promise.resolve(principal);
  }

  isRevoked({ keyId }: Principal): boolean {
    return keyId !== undefined && this.revokedKeys.has(keyId);
  }

  canPublish({ accountId }: Principal, channel: string): boolean {
    return !this.denied.has(`${accountId} publish ${channel}`);
  }

  canRead({ accountId }: Principal, channel: string): Promise<boolean> {
    return Promise.resolve(!this.denied.has(`${accountId} read ${channel}`));
  }

  canFetchWelcomes({ accountId }: Principal, channel: string): boolean {
    return !this.denied.has(`${accountId} welcomes ${channel}`);
  }
}

/** A relay over a log of its own, with clients that end with it. */
export class RelayHarness implements AsyncDisposable {
  readonly access = new TestAccess();
  readonly failures: unknown[] = [];
  readonly logs: Logs;
  readonly relay: Relay;
  readonly #clients: RelayClient[] = [];
  #listener: Promise<GrpcListener> | undefined;

  constructor(options: Partial<RelayOptions> & { readonly logs?: LogsOptions } = {}) {
    this.logs = openLogs(undefined, options.logs);
    this.relay = new Relay({
      log: this.logs.log,
      welcomes: this.logs.welcomes,
      access: this.access,
      ...options,
      observer: { onFailure: (error) => this.failures.push(error), ...options.observer },
    });
  }

  /** Starts gRPC on a free port, the first time. */
  listen(port = 0): Promise<GrpcListener> {
    this.#listener ??= listenGrpc(this.relay, { port });
    return this.#listener;
  }

  /** A client by memory. */
  client(account: string, options: Partial<RelayClientOptions> = {}): RelayClient {
    const wire = options.url === undefined && options.transport === undefined ? { transport: connectInMemory(this.relay) } : {};
    const client = new RelayClient({ token: () => account, ...wire, ...options });
    this.#clients.push(client);
    return client;
  }

  /** A client by gRPC. */
  async grpcClient(account: string, options: Partial<RelayClientOptions> = {}): Promise<RelayClient> {
    const { url } = await this.listen();
    return this.client(account, { url, ...options });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) await client.close();
    await (await this.#listener)?.close();
    await this.relay.close();
    await this.logs.close();
  }
}

export function payload(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text));
}

export function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString();
}

/** An application message. */
export function message(content: string): { readonly kind: "application"; readonly epoch: bigint; readonly payload: Uint8Array } {
  return { kind: "application", epoch: 1n, payload: payload(content) };
}

/** Takes the next `count` values of an iterator. */
export async function take<T>(iterator: AsyncIterator<T, unknown>, count: number): Promise<T[]> {
  const taken: T[] = [];
  while (taken.length < count) {
    const result = await iterator.next();
    if (result.done === true) throw new Error(`The iteration ended after ${taken.length} of ${count}`);
    taken.push(result.value);
  }
  return taken;
}

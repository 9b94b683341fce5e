import { createServer, request, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { ParleyError } from "@parley/core";
import { createMlsEngine, memoryStore, unsafeAcceptAnyCredential } from "@parley/mls-engine";
import { startSkytale, type SkytaleServer } from "@parley/skytale-server";
import { ApiClient } from "../../src/api/api-client.ts";
import { JoinRequestWorker } from "../../src/invites/join-request-worker.ts";
import { signInviteTerms } from "../../src/invites/invite-terms.ts";
import type { RetryTimes } from "../../src/invites/retry-schedule.ts";
import type { JoinableChannel } from "../../src/invites/join-approver.ts";
import { publicKeyOf, signWith } from "../../src/invites/ed25519.ts";
import { PendingAdmissionStore } from "../../src/invites/pending-admission-store.ts";
import { encodeToken, createInvite } from "../../src/invites/invite.ts";
import { signatureKeyIn } from "../../src/invites/key-package-holder.ts";

export const CHANNEL = "acme/team/general";

/** Waits that tests have the patience for. */
export const QUICK: RetryTimes = {
  turn: { atLeast: 100, spread: 50 },
  welcome: { atLeast: 300, spread: 50 },
  doubt: { atLeast: 200, spread: 50 },
};

/** A channel without encryption: who is in it, and the commits that it took. */
export class PlainChannel {
  readonly members: Uint8Array[] = [];
  readonly recentlyAdded: Uint8Array[] = [];
  readonly commits: number[] = [];
  /** Called before a member is looked up in {@link PlainChannel.recentlyAdded}. */
  onLookUp: () => void = () => {};
  /** Called before each commit. */
  onCommit: () => Promise<void> = () => Promise.resolve();

  joinable(ownKey: Uint8Array): JoinableChannel {
    return {
      name: CHANNEL,
      ownKey,
      isActive: () => this.has(ownKey),
      wasAddedRecently: (key) => {
        this.onLookUp();
        return this.recentlyAdded.some((member) => Buffer.compare(member, key) === 0);
      },
      memberKeys: () => this.members,
      addMembers: async (keyPackages) => {
        await this.onCommit();
        const keys = keyPackages.map(
          (keyPackage) => signatureKeyIn(keyPackage) ?? fail("the bytes are not a key package", "invalid_key_package"),
        );
        if (keys.some((key) => this.has(key))) fail("the agent is already a member", "already_member");
        this.members.push(...keys);
        this.commits.push(keys.length);
        return new TextEncoder().encode(`welcome ${this.commits.length}`);
      },
      removeMember: async (key) => {
        const at = this.members.findIndex((member) => Buffer.compare(member, key) === 0);
        this.members.splice(at, 1);
        this.commits.push(-1);
      },
    };
  }

  has(key: Uint8Array): boolean {
    return this.members.some((member) => Buffer.compare(member, key) === 0);
  }
}

/** A member that creates invites, and approves joins while it is online. */
export class Host implements AsyncDisposable {
  readonly api: ApiClient;
  readonly errors: Error[] = [];
  readonly pendingAdmissions: PendingAdmissionStore = new PendingAdmissionStore(memoryStore());
  readonly #seed: Uint8Array;
  readonly #channel: PlainChannel;
  #worker: JoinRequestWorker | undefined;

  constructor(api: ApiClient, channel: PlainChannel, seed: number) {
    this.api = api;
    this.#channel = channel;
    this.#seed = new Uint8Array(32).fill(seed);
    channel.members.push(this.key);
  }

  get key(): Uint8Array {
    return publicKeyOf(this.#seed);
  }

  online(): void {
    this.#worker = new JoinRequestWorker({
      channel: this.#channel.joinable(this.key),
      api: this.api,
      pendingAdmissions: this.pendingAdmissions,
      onError: (error) => this.errors.push(error),
      times: QUICK,
    });
  }

  async offline(): Promise<void> {
    await this.#worker?.close();
    this.#worker = undefined;
  }

  async invite(options: { maxUses?: number; ttlSeconds?: number; expiresAt?: number } = {}): Promise<string> {
    const { maxUses = 1, ttlSeconds = 3600, expiresAt = Math.floor(Date.now() / 1000) + ttlSeconds } = options;
    const made = createInvite();
    const { publicKey } = made;
    const attestation = signInviteTerms({ channel: CHANNEL, inviteKey: publicKey, maxUses, expiresAt }, (content) =>
      signWith(this.#seed, content),
    );
    await this.api.createInvite({ channel: CHANNEL, publicKey, attestation, maxUses, ttlSeconds });
    return encodeToken(made);
  }

  codes(): (string | undefined)[] {
    return this.errors.map((error) => ("code" in error ? String(error.code) : undefined));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.offline();
    await this.api.close();
  }
}

/** A key package of a new agent. */
export async function newKeyPackage(): Promise<Uint8Array> {
  await using engine = await createMlsEngine({ identity: "joiner", store: memoryStore(), authenticate: unsafeAcceptAnyCredential });
  return engine.keyPackage();
}

/** A server of its own, with accounts by name. */
export async function startServer(options: Parameters<typeof startSkytale>[0] = {}): Promise<SkytaleServer> {
  return startSkytale({ port: 0, relayPort: 0, logger: false, limits: { api: { requestsPerSecond: 10_000 } }, ...options });
}

/** The API key of a new account. */
export async function newAccount(server: SkytaleServer, name: string): Promise<string> {
  const { apiKey } = await server.createAccount({ email: `${name}@example.org`, name });
  return apiKey.key;
}

/** A proxy before a server that changes what it answers to paths. */
export async function tampering(
  target: string,
  change: (path: string, body: string) => string,
): Promise<AsyncDisposable & { readonly url: string }> {
  const proxy = createServer((inbound, outbound) => {
    const pass = async (answer: IncomingMessage): Promise<void> => {
      const body = await textOf(answer);
      const { "content-length": _, ...headers } = answer.headers;
      outbound.writeHead(answer.statusCode ?? 500, headers).end(change(inbound.url ?? "", body));
    };
    const forwarded = request(target + (inbound.url ?? ""), { method: inbound.method, headers: inbound.headers }, (answer) => {
      void pass(answer);
    });
    forwarded.on("error", () => outbound.destroy());
    outbound.on("close", () => forwarded.destroy());
    inbound.pipe(forwarded);
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      proxy.closeAllConnections();
      await new Promise((resolve) => proxy.close(resolve));
    },
  };
}

async function textOf(message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of message as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

function fail(message: string, code: string): never {
  throw new ParleyError(code, message);
}

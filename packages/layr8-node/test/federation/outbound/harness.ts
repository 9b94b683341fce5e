import { Changes } from "@parley/test-assertions";
import { createNetworkResolver, readResolution, type ResolutionOptions } from "../../../src/network/resolution.ts";
import { createHostedResolver } from "../../../src/network/hosted-resolver.ts";
import { MemoryOutboundStore } from "../../../src/federation/outbound/memory-outbound-store.ts";
import { openOutbound } from "../../../src/federation/outbound/outbound-queue.ts";
import type { DeliveryFailure, Outbound, OutboundEvents } from "../../../src/federation/outbound/outbound.ts";
import type { OutboundMessage } from "../../../src/federation/outbound/outbound-message.ts";
import { outboundLimits, type OutboundLimits } from "../../../src/federation/outbound/outbound-limits.ts";
import type { OutboundStore } from "../../../src/federation/outbound/outbound-store.ts";
import { Partner } from "./partner.ts";
import { World } from "./world.ts";

/** Limits under which a test doesn't take long. */
const QUICK: Partial<OutboundLimits> = { retryMs: 4, maxRetryMs: 40, secondLookMs: 20, postTimeoutMs: 5000, closeMs: 1000 };

/** How a queue is opened. */
export interface OpenOptions {
  readonly store?: OutboundStore;
  readonly limits?: Partial<OutboundLimits>;
  readonly resolution?: ResolutionOptions;
  readonly onDead?: OutboundEvents["onDead"];
  readonly ownerOf?: (sender: string) => string | undefined;
}

/** A queue, the nodes that it sends to, and what it told. */
export class Harness {
  readonly world = new World();
  readonly delivered: string[] = [];
  readonly dead: { readonly id: string; readonly cause: DeliveryFailure }[] = [];
  readonly retried: string[] = [];
  readonly failures: unknown[] = [];
  readonly alice = this.world.create("did:web:alice-node.localhost:alice", "http://alice-node.localhost");
  readonly #partners = new Map<string, Partner>();
  readonly #queues: Outbound[] = [];
  readonly #changes = new Changes();
  #counter = 0;

  /** Starts another node. Before {@link Harness.open}. */
  async partner(host = `node-${this.#partners.size + 1}.localhost`): Promise<Partner> {
    const partner = await Partner.start(host, this.world);
    this.#partners.set(host, partner);
    return partner;
  }

  sender(name: string): string {
    return this.world.create(`did:web:alice-node.localhost:${name}`, "http://alice-node.localhost");
  }

  open({ store, limits = {}, resolution = {}, onDead, ownerOf }: OpenOptions = {}): Outbound {
    const hosts = Object.fromEntries([...this.#partners].map(([host, { origin }]) => [host, origin]));
    const network = readResolution({ hosts, timeoutMs: 2000, ...resolution });
    const senders = {
      has: (did: string) => did.startsWith("did:web:alice-node.localhost:"),
      document: (did: string) => Promise.resolve(this.world.documents.get(did)),
    };
    const resolver = createHostedResolver(senders, createNetworkResolver(network));
    const all = { ...QUICK, ...limits };
    const queue = openOutbound({
      store: store ?? new MemoryOutboundStore(outboundLimits(all)),
      resolver,
      crypto: this.world.cryptoWith(resolver),
      network,
      limits: all,
      ...(ownerOf !== undefined && { ownerOf }),
      events: {
        onDelivered: ({ id }) => this.#note(() => this.delivered.push(id)),
        onDead: async (message, cause) => {
          await onDead?.(message, cause);
          this.#note(() => this.dead.push({ id: message.id, cause }));
        },
        onRetry: (_, reason) => this.#note(() => this.retried.push(reason)),
        onFailure: (error) => this.#note(() => this.failures.push(error)),
      },
    });
    this.#queues.push(queue);
    return queue;
  }

  message(recipient: string, changes: Partial<OutboundMessage> = {}): OutboundMessage {
    const { id = `message-${++this.#counter}`, sender = this.alice } = changes;
    const type = "https://example.org/test/1.0/ping";
    const plaintext = JSON.stringify({ id, type, from: sender, to: [recipient], body: { n: this.#counter } });
    return { sender, recipient, id, type, plaintext, expiresAt: Date.now() + 600_000, ...changes };
  }

  /** Queues a message, and waits until it is durable. Returns its id. */
  async send(queue: Outbound, recipient: string, changes: Partial<OutboundMessage> = {}): Promise<string> {
    const message = this.message(recipient, changes);
    const enqueued = await queue.enqueue(message);
    if (enqueued.status !== "stored") throw new Error(enqueued.status);
    await enqueued.durable;
    return message.id;
  }

  /** Resolves when a condition holds that depends on what the queue told. */
  until(condition: () => boolean): Promise<void> {
    return this.#changes.until(condition);
  }

  async close(): Promise<void> {
    await Promise.all(this.#queues.map((queue) => queue.close()));
    await Promise.all([...this.#partners.values()].map((partner) => partner.stop()));
  }

  #note(write: () => void): void {
    write();
    this.#changes.notify();
  }
}

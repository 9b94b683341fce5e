import { type JsonObject, protocolOf } from "@parley/core";
import { sleep } from "@parley/core/internal";
import { type JetstreamConnection, JetstreamError, type LinkMessage, type Members, ServerLinks } from "@parley/jetstream";
import { StorageError } from "@parley/storage";
import { inboxMessage } from "../inbox/inbox-message.ts";
import { decodeMessage } from "../inbox/message-record.ts";
import { handlesProtocol, ownedProtocols } from "../routing/deliver/bindings.ts";
import type { BindingRank } from "../routing/deliver/binding-rank.ts";
import type { BoundMailbox } from "../routing/deliver/bound-mailbox.ts";
import type { Consumer } from "../routing/deliver/consumer.ts";
import { continuesThread, type Routable } from "../routing/deliver/consumer-routes.ts";
import type { Mailbox } from "../routing/deliver/mailbox.ts";
import type { Mailboxes } from "../routing/deliver/mailboxes.ts";
import type { BindingPreview, OtherNodes } from "../routing/deliver/other-nodes.ts";
import { isBuiltin, MAX_PROTOCOLS } from "../routing/respond/builtin-protocols.ts";
import { nextRank, OwnedDids } from "./owned-dids.ts";
import { type OwnerEntry, Owners } from "./owners.ts";
import { RemoteConsumer } from "./remote-consumer.ts";
import { RemoteConsumers } from "./remote-consumers.ts";
import { SharedBinding } from "./shared-binding.ts";

/** Options of {@link MailboxCluster.open}. */
export interface MailboxClusterOptions {
  readonly connection: JetstreamConnection;
  readonly members: Members;
  /** The mailboxes of this node. */
  readonly mailboxes: Mailboxes;
  /** Milliseconds on the monotonic clock. */
  readonly now: () => number;
  readonly onFailure: (error: unknown) => void;
  /** Whether this node does what one node does for all: it removes the entries of nodes that have ended. */
  readonly maintains: () => boolean;
  /** A DID may have got its first connection, or lost its last one. */
  readonly onOwner?: ((did: string) => void) | undefined;
  /** How long the node of a mailbox may take to answer before this one takes the mailbox over, in milliseconds. Default 2000. */
  readonly answerWithinMs?: number | undefined;
}

const DEFAULT_ANSWER_WITHIN_MS = 2000;
/** Ownerships without a connection, and entries that could not be removed, are looked for this often. */
const LOOK_EVERY_MS = 5000;
const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 1000;
/**
 * The connections of each DID at all nodes. One node owns the DID: it has the mailbox, to which the connections at other nodes are bound through it.
 * A node that gets a connection of a DID without an owner, or whose owner does not answer, becomes the owner.
 */
export class MailboxCluster implements OtherNodes {
  readonly #options: MailboxClusterOptions;
  readonly #answerWithinMs: number;
  readonly #self: string;
  readonly #mailboxes: Mailboxes;
  readonly #owned: OwnedDids;
  readonly #remote: RemoteConsumers;
  readonly #bindings = new Map<number, SharedBinding>();
  readonly #byConsumer = new Map<unknown, SharedBinding>();
  readonly #byDid = new Map<string, Set<SharedBinding>>();
  readonly #stop = new AbortController();
  #lastId = 0;
  #timer: NodeJS.Timeout | undefined;
  #owners!: Owners;
  #links!: ServerLinks;

  private constructor(options: MailboxClusterOptions) {
    this.#options = options;
    this.#answerWithinMs = options.answerWithinMs ?? DEFAULT_ANSWER_WITHIN_MS;
    this.#self = options.members.id;
    this.#mailboxes = options.mailboxes;
    this.#owned = new OwnedDids({ ...options, owners: () => this.#owners });
    this.#remote = new RemoteConsumers({ links: () => this.#links, now: options.now, onChanged: (did) => this.#owned.note(did) });
  }

  /** @throws JetstreamError `streams_unavailable`; StorageError `storage_failed` */
  static async open(options: MailboxClusterOptions): Promise<MailboxCluster> {
    const { connection, members } = options;
    const cluster = new MailboxCluster(options);
    cluster.#links = await ServerLinks.open(connection, {
      self: cluster.#self,
      listener: {
        onMessage: (server, message) => cluster.#receive(server, message),
        onCall: (server, request) => cluster.#answer(server, request),
        onBroken: (server) => cluster.#onBroken(server),
      },
    });
    cluster.#owners = await Owners.open(connection, { members, onChange: (did, entry) => cluster.#onOwner(did, entry) });
    members.onLeft((server) => cluster.#links.forget(server));
    cluster.#timer = setInterval(() => cluster.#owned.look(), LOOK_EVERY_MS).unref();
    return cluster;
  }

  async preview(did: string, protocols: readonly string[], except: unknown): Promise<BindingPreview> {
    // The join is rejected: other nodes need not learn of it.
    const { size } = ownedProtocols(protocols);
    if (size > MAX_PROTOCOLS) return { count: size, takesOver: false };
    const { patienceMs } = this.#options.connection;
    const deadline = performance.now() + patienceMs;
    for (let pauseMs = FIRST_PAUSE_MS; performance.now() < deadline && !this.#stop.signal.aborted; pauseMs = longer(pauseMs)) {
      const server = await this.#locate(did, protocols);
      if (server === undefined) {
        return this.#previewHere(did, protocols, except);
      }
      const replaced = this.#byConsumer.get(except);
      const result = await this.#call(did, server, {
        t: "preview",
        did,
        protocols,
        ...(replaced?.server === server && { except: replaced.id }),
      });
      const { count, takesOver } = result ?? {};
      if (typeof count === "number") return { count, takesOver: takesOver === true };
      await this.#pause(pauseMs);
    }
    throw new StorageError("storage_failed", "The node that delivers for this DID cannot be found");
  }

  bind(did: string, consumer: Consumer, protocols: readonly string[]): BoundMailbox {
    const binding = new SharedBinding({ id: ++this.#lastId, did, consumer, protocols }, this.#links, (ended) => this.#onUnbound(ended));
    this.#bindings.set(binding.id, binding);
    this.#byConsumer.set(consumer, binding);
    const ofDid = this.#byDid.get(did) ?? new Set();
    this.#byDid.set(did, ofDid.add(binding));
    if (!this.#bindHere(binding)) void this.#move(binding);
    return binding;
  }

  recordThreads(consumer: Consumer, threads: readonly string[]): Promise<void> | undefined {
    return this.#byConsumer.get(consumer)?.recordThreads(threads);
  }

  catchUp(): Promise<void> {
    return this.#owners.catchUp();
  }

  isConnected(did: string): boolean {
    return this.#owned.elsewhere(did) !== undefined;
  }

  protocolsOf(did: string): readonly string[] {
    return this.#owned.elsewhere(did)?.protocols ?? [];
  }

  /**
   * Another node knows on which threads the DID's connections have sent: a message that continues one is assumed to be taken. Connections that are being
   * bound count.
   */
  wouldTake(did: string, message: Routable): boolean {
    const entry = this.#owners.find(did);
    if (entry === undefined) return false;
    const continues = (message.parentThread !== undefined || continuesThread(message)) && !isBuiltin(message);
    if (entry.node !== this.#self && continues) return true;
    const protocol = protocolOf(message.type);
    if (handlesProtocol(entry.protocols, protocol)) return true;
    for (const binding of this.#byDid.get(did) ?? []) if (handlesProtocol(binding.protocols, protocol)) return true;
    return false;
  }

  /** Connections whose mailbox is at another node are among them. */
  walletChanged(did: string): void {
    for (const { consumer } of this.#byDid.get(did) ?? []) consumer.walletChanged?.();
  }

  onLost(mailbox: Mailbox): void {
    for (const consumer of mailbox.consumers) {
      if (consumer instanceof RemoteConsumer) this.#remote.displace(consumer);
      else this.#displace(this.#byConsumer.get(consumer));
    }
  }

  /** Passes the mailboxes of this node to nodes that have connections of their DIDs. Called when the node stops, before it closes its sockets. */
  async handOver(): Promise<void> {
    this.#end();
    await this.#owned.handOver();
  }

  /** Called after {@link handOver}, when the sockets are closed. */
  async close(): Promise<void> {
    this.#end();
    await this.#links.close();
    await this.#owners.close();
  }

  #end(): void {
    this.#stop.abort();
    this.#owned.stop();
    clearInterval(this.#timer);
  }

  /**
   * The server of a DID's mailbox; `undefined` if that is this one. A mailbox without a server gets this one.
   *
   * @throws StorageError `storage_failed`
   */
  async #locate(did: string, protocols: Iterable<string>): Promise<string | undefined> {
    while (!this.#owned.has(did)) {
      const server = this.#owned.elsewhere(did)?.node;
      if (server !== undefined) return server;
      if (this.#stop.signal.aborted) throw new StorageError("closed", "The node is stopping");
      await this.#owned.claim(did, protocols);
    }
    return undefined;
  }

  /** Calls the owner of a DID. `undefined` if it no longer is the owner. If it does not answer, this node becomes the owner. */
  async #call(did: string, server: string, request: JsonObject): Promise<JsonObject | undefined> {
    try {
      const result = await this.#links.call(server, request, this.#answerWithinMs);
      if (result["isOwner"] === true) return result;
      await this.#owners.catchUp();
    } catch (error) {
      if (!(error instanceof JetstreamError)) throw error;
      if (error.code === "call_timeout") await this.#owned.claim(did, this.protocolsOf(did), server);
      else if (error.code === "call_failed") this.#options.onFailure(error);
    }
    return undefined;
  }

  /** Finds a place for a connection. Never rejects. */
  async #move(binding: SharedBinding): Promise<void> {
    if (binding.isMoving) return;
    binding.isMoving = true;
    for (let pauseMs = FIRST_PAUSE_MS; isLooking(binding) && !this.#stop.signal.aborted; pauseMs = longer(pauseMs)) {
      try {
        const server = await this.#locate(binding.did, binding.protocols);
        if (binding.isEnded) break;
        if (server === undefined ? this.#bindHere(binding) : await this.#bindAt(binding, server)) continue;
      } catch (error) {
        this.#options.onFailure(error);
      }
      await this.#pause(pauseMs);
    }
    binding.isMoving = false;
  }

  /** Binds a connection to a mailbox of this node. Returns whether this is the node. */
  #bindHere(binding: SharedBinding): boolean {
    const { did, consumer, protocols } = binding;
    const ownership = this.#owned.find(did);
    if (ownership === undefined) return false;
    binding.rank ??= nextRank(ownership);
    const mailbox = this.#mailboxes.mailbox(did);
    binding.place({ mailbox });
    mailbox.bind(consumer, protocols, binding.rank);
    for (const thread of binding.threads) mailbox.recordThread(thread, consumer);
    this.#owned.bound(did, protocols);
    return true;
  }

  /** Binds a connection to a mailbox of another node. Returns whether that has it. */
  async #bindAt(binding: SharedBinding, server: string): Promise<boolean> {
    const { id, did, protocols, rank, consumer, threads } = binding;
    const { owner, acknowledgesResponses, replies, writable } = consumer;
    // Capacity and acknowledgements follow the call.
    binding.place({ server });
    const request = { t: "bind", c: id, did, protocols, threads, acknowledgesResponses, replies, writable };
    const result = await this.#call(did, server, {
      ...request,
      ...(rank !== undefined && { rank }),
      ...(owner !== undefined && { owner }),
    });
    if (binding.server !== server) return false;
    if (result !== undefined) {
      binding.rank = readRank(result["rank"]) ?? binding.rank;
      return true;
    }
    // It may have bound the connection and not said so.
    this.#links.send(server, { t: "unbind", c: id });
    binding.displace();
    return false;
  }

  #displace(binding: SharedBinding | undefined): void {
    if (binding === undefined || binding.isEnded) return;
    binding.displace();
    // The entry of the new owner may not have arrived yet.
    void this.#owners
      .catchUp()
      .catch(() => undefined)
      .then(() => this.#move(binding));
  }

  #onUnbound(binding: SharedBinding): void {
    const { id, did, consumer } = binding;
    this.#bindings.delete(id);
    if (this.#byConsumer.get(consumer) === binding) this.#byConsumer.delete(consumer);
    const ofDid = this.#byDid.get(did);
    if (ofDid?.delete(binding) === true && ofDid.size === 0) this.#byDid.delete(did);
    this.#owned.note(did);
  }

  /** The entry of a DID has changed. */
  #onOwner(did: string, entry: OwnerEntry | undefined): void {
    this.#owned.onOwner(did, entry);
    this.#options.onOwner?.(did);
    for (const binding of this.#byDid.get(did) ?? []) {
      if (binding.server === undefined || binding.server === entry?.node) continue;
      binding.displace();
      void this.#move(binding);
    }
  }

  /** Another server has ended, or messages of the link to it were lost. */
  #onBroken(server: string): void {
    this.#remote.dropServer(server);
    for (const binding of this.#bindings.values()) {
      if (binding.server !== server) continue;
      binding.displace();
      void this.#move(binding);
    }
  }

  #receive(server: string, { head, body }: LinkMessage): void {
    if (this.#remote.receive(server, head)) return;
    const { t, c, seq, attempts, attempt } = head;
    const binding = typeof c === "number" ? this.#bindings.get(c) : undefined;
    if (binding?.server !== server) return;
    if (t === "takenOver") binding.consumer.takenOver();
    else if (t === "displaced") this.#displace(binding);
    else if (t === "deliver" && body !== undefined && typeof seq === "number") {
      const message = inboxMessage(decodeMessage(binding.did, body), seq, Number(attempts));
      binding.consumer.deliver(message, Number(attempt));
      if (binding.becomesFull()) this.#links.send(server, { t: "full", c: binding.id });
    }
  }

  #answer(server: string, request: JsonObject): JsonObject | Promise<JsonObject> {
    const { t, c, did } = request;
    if (t === "confirm") return this.#confirm(c);
    if (t === "threads") {
      const consumer = this.#remote.find(server, c);
      for (const thread of textsOf(request["threads"])) consumer?.mailbox.recordThread(thread, consumer);
      return {};
    }
    const ownership = typeof did === "string" ? this.#owned.find(did) : undefined;
    if (ownership === undefined || typeof did !== "string" || this.#stop.signal.aborted) return { isOwner: false };
    const protocols = textsOf(request["protocols"]);
    if (t === "preview") return this.#preview(did, protocols, this.#remote.find(server, request["except"]));
    if (t !== "bind" || typeof c !== "number") throw new TypeError("unknown call");
    const { owner, acknowledgesResponses, replies, writable } = request;
    const mailbox = this.#mailboxes.mailbox(did);
    const connection = { server, id: c, owner: typeof owner === "string" ? owner : undefined, writable: writable === true };
    const consumer = this.#remote.add(
      { ...connection, acknowledgesResponses: acknowledgesResponses === true, replies: replies === true },
      mailbox,
    );
    const rank = readRank(request["rank"]) ?? nextRank(ownership);
    mailbox.bind(consumer, protocols, rank);
    for (const thread of textsOf(request["threads"])) mailbox.recordThread(thread, consumer);
    this.#owned.bound(did, protocols);
    return { isOwner: true, rank };
  }

  async #preview(did: string, protocols: readonly string[], except: unknown): Promise<JsonObject> {
    const { count, takesOver } = await this.#previewHere(did, protocols, except);
    return { isOwner: true, count, takesOver };
  }

  async #previewHere(did: string, protocols: readonly string[], except: unknown): Promise<BindingPreview> {
    const preview = this.#mailboxes.previewHere(did, protocols, except);
    if (preview.count > MAX_PROTOCOLS) return preview;
    await this.#owned.announce(did, protocols);
    return this.#mailboxes.previewHere(did, protocols, except);
  }

  async #confirm(id: unknown): Promise<JsonObject> {
    await (typeof id === "number" ? this.#bindings.get(id)?.consumer.confirm() : undefined);
    return {};
  }

  #pause(ms: number): Promise<void> {
    return sleep(ms, this.#stop.signal);
  }
}

function isLooking(binding: SharedBinding): boolean {
  return !binding.isEnded && !binding.isPlaced;
}

function longer(pauseMs: number): number {
  return Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
}

function readRank(value: unknown): BindingRank | undefined {
  const [epoch, index] = Array.isArray(value) ? (value as readonly unknown[]) : [];
  return typeof epoch === "number" && typeof index === "number" ? [epoch, index] : undefined;
}

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === "string") : [];
}

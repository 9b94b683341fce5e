import { type JsonObject, protocolOf } from "@parley/core";
import { KeyedMutex, sleep } from "@parley/core/internal";
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
  /** How long the node of a mailbox may take to answer before this one takes the mailbox over, in milliseconds. Default 2000. */
  readonly answerWithinMs?: number | undefined;
}

/** What the owner of a DID knows of its ownership. */
interface Ownership {
  readonly epoch: number;
  /** Connections bound so far. */
  bound: number;
  /** Whether it had no connection at the last look. */
  wasIdle: boolean;
}

const DEFAULT_ANSWER_WITHIN_MS = 2000;
/** Ownerships without a connection, and entries that could not be removed, are looked for this often. */
const LOOK_EVERY_MS = 5000;
const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 1000;
/** When a node stops: time for handing over its mailboxes, in milliseconds, and entries written at the same time. */
const HAND_OVER_WITHIN_MS = 5000;
const PARALLEL = 64;

/**
 * The connections of each DID at all nodes. One node owns the DID: it has the mailbox, to which the connections at other nodes are bound through it.
 * A node that gets a connection of a DID without an owner, or whose owner does not answer, becomes the owner.
 */
export class MailboxCluster implements OtherNodes {
  readonly #options: MailboxClusterOptions;
  readonly #answerWithinMs: number;
  readonly #self: string;
  readonly #mailboxes: Mailboxes;
  readonly #owned = new Map<string, Ownership>();
  readonly #remote: RemoteConsumers;
  readonly #bindings = new Map<number, SharedBinding>();
  readonly #byConsumer = new Map<unknown, SharedBinding>();
  readonly #byDid = new Map<string, Set<SharedBinding>>();
  /** Writes of owner entries, by DID. */
  readonly #writing = new KeyedMutex();
  /** DIDs whose entry is to be written. */
  readonly #changed = new Set<string>();
  /** DIDs whose entry has protocols of connections that may not have been bound. */
  readonly #announced = new Set<string>();
  #isWriting = false;
  readonly #claiming = new Set<string>();
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
    this.#remote = new RemoteConsumers({ links: () => this.#links, now: options.now, onChanged: (did) => this.#note(did) });
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
    cluster.#timer = setInterval(() => cluster.#look(), LOOK_EVERY_MS).unref();
    return cluster;
  }

  async preview(did: string, protocols: readonly string[], except: unknown): Promise<BindingPreview> {
    const { patienceMs } = this.#options.connection;
    const deadline = performance.now() + patienceMs;
    for (let pauseMs = FIRST_PAUSE_MS; performance.now() < deadline && !this.#stop.signal.aborted; pauseMs = longer(pauseMs)) {
      const server = await this.#locate(did, protocols);
      if (server === undefined) {
        await this.#announce(did, protocols);
        return this.#mailboxes.previewHere(did, protocols, except);
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

  isConnected(did: string): boolean {
    return this.#elsewhere(did) !== undefined;
  }

  protocolsOf(did: string): readonly string[] {
    return this.#elsewhere(did)?.protocols ?? [];
  }

  /**
   * Another node knows on which threads the DID's connections have sent: a message that continues one is assumed to be taken. Connections that are being
   * bound count.
   */
  wouldTake(did: string, message: Routable): boolean {
    const entry = this.#owners.find(did);
    if (entry === undefined) return false;
    if (entry.node !== this.#self && (message.parentThread !== undefined || continuesThread(message))) return true;
    const protocol = protocolOf(message.type);
    if (handlesProtocol(entry.protocols, protocol)) return true;
    for (const binding of this.#byDid.get(did) ?? []) if (handlesProtocol(binding.protocols, protocol)) return true;
    return false;
  }

  onLost(mailbox: Mailbox): void {
    for (const consumer of mailbox.consumers) {
      if (consumer instanceof RemoteConsumer) this.#remote.displace(consumer);
      else this.#displace(this.#byConsumer.get(consumer));
    }
  }

  /** Passes the mailboxes of this node to nodes that have connections of their DIDs. Called when the node stops, before it closes its sockets. */
  async handOver(): Promise<void> {
    this.#stop.abort();
    clearInterval(this.#timer);
    const dids = [...this.#owned.keys()].values();
    const deadline = performance.now() + HAND_OVER_WITHIN_MS;
    const worker = async (): Promise<void> => {
      for (const did of dids) if (performance.now() < deadline) await this.#writing.run(did, () => this.#handOver(did));
    };
    // Those that remain end with this node's membership.
    await Promise.all(Array.from({ length: PARALLEL }, worker)).catch(this.#options.onFailure);
  }

  /** Called after {@link handOver}, when the sockets are closed. */
  async close(): Promise<void> {
    this.#stop.abort();
    clearInterval(this.#timer);
    await this.#links.close();
    await this.#owners.close();
  }

  /** The owner of a DID, if that is another node. */
  #elsewhere(did: string): OwnerEntry | undefined {
    const entry = this.#owners.find(did);
    return entry?.node === this.#self ? undefined : entry;
  }

  /**
   * The server of a DID's mailbox; `undefined` if that is this one, which becomes it if there is none.
   *
   * @throws StorageError `storage_failed`
   */
  async #locate(did: string, protocols: Iterable<string>): Promise<string | undefined> {
    while (!this.#owned.has(did)) {
      const server = this.#elsewhere(did)?.node;
      if (server !== undefined) return server;
      if (this.#stop.signal.aborted) throw new StorageError("closed", "The node is stopping");
      await this.#claim(did, protocols);
    }
    return undefined;
  }

  /** Becomes the owner of a DID, unless another node is, other than `instead`. @throws StorageError `storage_failed` */
  async #claim(did: string, protocols: Iterable<string>, instead?: string): Promise<void> {
    await this.#writing.run(did, async () => {
      const owner = this.#elsewhere(did)?.node;
      if (this.#owned.has(did) || owner !== instead) return;
      this.#claiming.add(did);
      try {
        await this.#owners.write(did, this.#self, sorted(ownedProtocols(protocols)));
      } finally {
        this.#claiming.delete(did);
      }
    });
  }

  /** Tells other nodes the protocols of a connection before it is joined, so that they don't reject messages for it. @throws StorageError `storage_failed` */
  async #announce(did: string, protocols: readonly string[]): Promise<void> {
    const missing = (): string[] => {
      const known = this.#owners.find(did)?.protocols ?? [];
      return [...ownedProtocols(protocols)].filter((protocol) => !known.includes(protocol));
    };
    if (missing().length === 0) return;
    this.#announced.add(did);
    await this.#writing.run(did, async () => {
      const all = [...(this.#owners.find(did)?.protocols ?? []), ...missing()];
      if (this.#owned.has(did)) await this.#owners.write(did, this.#self, sorted(all));
    });
  }

  /** Calls the owner of a DID. `undefined` if it is not the owner any more; if it does not answer, this node becomes the owner. */
  async #call(did: string, server: string, request: JsonObject): Promise<JsonObject | undefined> {
    try {
      const result = await this.#links.call(server, request, this.#answerWithinMs);
      if (result["isOwner"] === true) return result;
      await this.#owners.catchUp();
    } catch (error) {
      if (!(error instanceof JetstreamError)) throw error;
      if (error.code === "call_timeout") await this.#claim(did, this.protocolsOf(did), server);
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
    const ownership = this.#owned.get(did);
    if (ownership === undefined) return false;
    binding.rank ??= nextRank(ownership);
    const mailbox = this.#mailboxes.mailbox(did);
    binding.place({ mailbox });
    mailbox.bind(consumer, protocols, binding.rank);
    for (const thread of binding.threads) mailbox.recordThread(thread, consumer);
    this.#note(did);
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
    this.#note(did);
  }

  /** The entry of a DID has changed. */
  #onOwner(did: string, entry: OwnerEntry | undefined): void {
    if (entry?.node === this.#self) {
      if (this.#owned.has(did) || this.#stop.signal.aborted) return;
      this.#owned.set(did, { epoch: entry.revision, bound: 0, wasIdle: false });
      // Another node has handed it over, and the connections here may have ended.
      if (!this.#claiming.has(did)) this.#note(did);
    } else if (this.#owned.delete(did)) {
      const mailbox = this.#mailboxes.find(did);
      if (mailbox?.connected === true) mailbox.onLost();
    }
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
    const ownership = typeof did === "string" ? this.#owned.get(did) : undefined;
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
    this.#note(did);
    return { isOwner: true, rank };
  }

  async #preview(did: string, protocols: readonly string[], except: unknown): Promise<JsonObject> {
    await this.#announce(did, protocols);
    const { count, takesOver } = this.#mailboxes.previewHere(did, protocols, except);
    return { isOwner: true, count, takesOver };
  }

  async #confirm(id: unknown): Promise<JsonObject> {
    await (typeof id === "number" ? this.#bindings.get(id)?.consumer.confirm() : undefined);
    return {};
  }

  /** The connections of a DID have changed: its entry is written once in this turn of the event loop. */
  #note(did: string): void {
    if (this.#stop.signal.aborted || !this.#owned.has(did)) return;
    this.#changed.add(did);
    if (this.#isWriting) return;
    this.#isWriting = true;
    setImmediate(() => {
      this.#isWriting = false;
      this.#writeChanged();
    });
  }

  #writeChanged(): void {
    const dids = [...this.#changed];
    this.#changed.clear();
    for (const did of dids) {
      this.#writing
        .run(did, () => this.#write(did))
        .catch((error: unknown) => {
          this.#changed.add(did);
          this.#options.onFailure(error);
        });
    }
  }

  /** Writes what other nodes know of a DID. What fails is repeated by {@link #look}. */
  async #write(did: string): Promise<void> {
    const ownership = this.#owned.get(did);
    if (ownership === undefined || this.#stop.signal.aborted) return;
    const mailbox = this.#mailboxes.find(did);
    if (mailbox?.connected === true) {
      const protocols = sorted(mailbox.routes.bindings.protocols);
      const known = this.#owners.find(did)?.protocols ?? [];
      if (protocols.join(" ") !== known.join(" ")) await this.#owners.write(did, this.#self, protocols);
    } else {
      this.#owned.delete(did);
      await this.#owners.remove(did);
    }
  }

  /** Ends ownerships without connections, such as those of joins that failed, and repeats what has failed. */
  #look(): void {
    for (const did of this.#announced) this.#note(did);
    this.#announced.clear();
    this.#writeChanged();
    for (const [did, ownership] of this.#owned) {
      const isIdle = this.#mailboxes.find(did)?.connected !== true;
      if (isIdle && ownership.wasIdle) this.#note(did);
      ownership.wasIdle = isIdle;
    }
    for (const did of this.#owners.assigned(this.#options.maintains())) {
      this.#writing
        .run(did, async () => {
          if (!this.#owned.has(did) && this.#elsewhere(did) === undefined) await this.#owners.remove(did);
        })
        .catch(this.#options.onFailure);
    }
  }

  async #handOver(did: string): Promise<void> {
    const mailbox = this.#mailboxes.find(did);
    const heir = mailbox?.consumers.findLast(
      (consumer) => consumer instanceof RemoteConsumer && this.#options.members.has(consumer.server),
    );
    this.#owned.delete(did);
    if (heir instanceof RemoteConsumer) await this.#owners.write(did, heir.server, sorted(mailbox?.routes.bindings.protocols ?? []));
    else await this.#owners.remove(did);
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

function sorted(protocols: Iterable<string>): string[] {
  return [...protocols].toSorted();
}

function nextRank(ownership: Ownership): BindingRank {
  return [ownership.epoch, ++ownership.bound];
}

function readRank(value: unknown): BindingRank | undefined {
  const [epoch, index] = Array.isArray(value) ? (value as readonly unknown[]) : [];
  return typeof epoch === "number" && typeof index === "number" ? [epoch, index] : undefined;
}

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === "string") : [];
}

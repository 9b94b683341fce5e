import { KeyedMutex } from "@parley/core/internal";
import type { Members } from "@parley/jetstream";
import type { BindingRank } from "../routing/deliver/binding-rank.ts";
import { ownedProtocols } from "../routing/deliver/bindings.ts";
import type { Mailboxes } from "../routing/deliver/mailboxes.ts";
import type { OwnerEntry, Owners } from "./owners.ts";
import { RemoteConsumer } from "./remote-consumer.ts";

/** Options of {@link OwnedDids}. */
export interface OwnedDidsOptions {
  /** The entries of all nodes. */
  readonly owners: () => Owners;
  readonly members: Members;
  /** The mailboxes of this node. */
  readonly mailboxes: Mailboxes;
  /** Whether this node does what one node does for all: it removes the entries of nodes that have ended. */
  readonly maintains: () => boolean;
  readonly onFailure: (error: unknown) => void;
}

/** What the owner of a DID knows of its ownership. */
export interface Ownership {
  readonly epoch: number;
  /** Connections bound so far. */
  bound: number;
  /** Whether it had no connection at the last look. */
  wasIdle: boolean;
}

/** A connection that is being joined: its protocols count as those of the DID. */
interface Announcement {
  readonly protocols: readonly string[];
  /** Whether the last look has seen it: its join has failed by the next one. */
  wasSeen: boolean;
}

/** When a node stops: time for handing over its mailboxes, in milliseconds, and entries written at the same time. */
const HAND_OVER_WITHIN_MS = 5000;
const PARALLEL = 64;
/** Connections of one DID that are announced at the same time. */
const MAX_ANNOUNCED = 64;

/** The DIDs whose mailboxes this node has, and their entries, from which other nodes learn that. */
export class OwnedDids {
  readonly #options: OwnedDidsOptions;
  readonly #self: string;
  readonly #owned = new Map<string, Ownership>();
  /** Writes of owner entries, by DID. */
  readonly #writing = new KeyedMutex();
  /** DIDs whose entry is to be written. */
  readonly #changed = new Set<string>();
  /** Connections that are not bound yet, by DID. */
  readonly #announced = new Map<string, Announcement[]>();
  readonly #claiming = new Set<string>();
  #isWriting = false;
  #isStopped = false;

  constructor(options: OwnedDidsOptions) {
    this.#options = options;
    this.#self = options.members.id;
  }

  has(did: string): boolean {
    return this.#owned.has(did);
  }

  find(did: string): Ownership | undefined {
    return this.#owned.get(did);
  }

  /** The owner of a DID, if that is another node. */
  elsewhere(did: string): OwnerEntry | undefined {
    const entry = this.#owners.find(did);
    return entry?.node === this.#self ? undefined : entry;
  }

  /** Becomes the owner of a DID, unless another node is, other than `instead`. @throws StorageError `storage_failed` */
  async claim(did: string, protocols: Iterable<string>, instead?: string): Promise<void> {
    await this.#writing.run(did, async () => {
      const owner = this.elsewhere(did)?.node;
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
  async announce(did: string, protocols: readonly string[]): Promise<void> {
    const announced = this.#announced.get(did) ?? [];
    announced.push({ protocols, wasSeen: false });
    if (announced.length > MAX_ANNOUNCED) announced.shift();
    this.#announced.set(did, announced);
    const missing = (): string[] => {
      const known = this.#owners.find(did)?.protocols ?? [];
      return [...ownedProtocols(protocols)].filter((protocol) => !known.includes(protocol));
    };
    if (missing().length === 0) return;
    await this.#writing.run(did, async () => {
      const all = [...(this.#owners.find(did)?.protocols ?? []), ...missing()];
      if (this.#owned.has(did)) await this.#owners.write(did, this.#self, sorted(all));
    });
  }

  /** A connection was bound to a DID's mailbox here. */
  bound(did: string, protocols: readonly string[]): void {
    const announced = this.#announced.get(did);
    const index = announced?.findIndex((one) => one.protocols.join(" ") === protocols.join(" ")) ?? -1;
    if (index !== -1) announced?.splice(index, 1);
    if (announced?.length === 0) this.#announced.delete(did);
    this.note(did);
  }

  /** The entry of a DID has changed. */
  onOwner(did: string, entry: OwnerEntry | undefined): void {
    if (entry?.node === this.#self) {
      if (this.#owned.has(did) || this.#isStopped) return;
      this.#owned.set(did, { epoch: entry.revision, bound: 0, wasIdle: false });
      // Another node has handed it over, and the connections here may have ended.
      if (!this.#claiming.has(did)) this.note(did);
    } else if (this.#owned.delete(did)) {
      const mailbox = this.#options.mailboxes.find(did);
      if (mailbox?.connected === true) mailbox.onLost();
    }
  }

  /** The connections of a DID have changed: its entry is written once in this turn of the event loop. */
  note(did: string): void {
    if (this.#isStopped || !this.#owned.has(did)) return;
    this.#changed.add(did);
    if (this.#isWriting) return;
    this.#isWriting = true;
    setImmediate(() => {
      this.#isWriting = false;
      this.#writeChanged();
    });
  }

  /** Ends ownerships without connections, such as those of joins that failed, and repeats what has failed. Called every few seconds. */
  look(): void {
    this.#forgetAnnounced();
    this.#writeChanged();
    for (const [did, ownership] of this.#owned) {
      const isIdle = this.#options.mailboxes.find(did)?.connected !== true;
      if (isIdle && ownership.wasIdle) this.note(did);
      ownership.wasIdle = isIdle;
    }
    for (const did of this.#owners.assigned(this.#options.maintains())) {
      this.#writing
        .run(did, async () => {
          if (!this.#owned.has(did) && this.elsewhere(did) === undefined) await this.#owners.remove(did);
        })
        .catch(this.#options.onFailure);
    }
  }

  /** Entries are written by {@link handOver} only from now on. */
  stop(): void {
    this.#isStopped = true;
  }

  /** Passes the mailboxes to nodes that have connections of their DIDs. Called after {@link stop}. */
  async handOver(): Promise<void> {
    const dids = [...this.#owned.keys()].values();
    const deadline = performance.now() + HAND_OVER_WITHIN_MS;
    const worker = async (): Promise<void> => {
      for (const did of dids) if (performance.now() < deadline) await this.#writing.run(did, () => this.#handOver(did));
    };
    // Those that remain end with this node's membership.
    await Promise.all(Array.from({ length: PARALLEL }, worker)).catch(this.#options.onFailure);
  }

  get #owners(): Owners {
    return this.#options.owners();
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

  /** Writes what other nodes know of a DID. {@link look} repeats failed writes. */
  async #write(did: string): Promise<void> {
    if (!this.#owned.has(did) || this.#isStopped) return;
    const mailbox = this.#options.mailboxes.find(did);
    if (mailbox?.connected === true) {
      const announced = this.#announced.get(did)?.flatMap((one) => one.protocols) ?? [];
      const protocols = sorted(new Set([...mailbox.routes.bindings.protocols, ...ownedProtocols(announced)]));
      const known = this.#owners.find(did)?.protocols ?? [];
      if (protocols.join(" ") !== known.join(" ")) await this.#owners.write(did, this.#self, protocols);
    } else {
      this.#owned.delete(did);
      await this.#owners.remove(did);
    }
  }

  /** Joins that have failed since the last look leave their protocols in the entry. */
  #forgetAnnounced(): void {
    for (const [did, announced] of this.#announced) {
      const current = announced.filter(({ wasSeen }) => !wasSeen);
      for (const one of current) one.wasSeen = true;
      if (current.length === announced.length) continue;
      if (current.length > 0) this.#announced.set(did, current);
      else this.#announced.delete(did);
      this.note(did);
    }
  }

  async #handOver(did: string): Promise<void> {
    const { mailboxes, members } = this.#options;
    const mailbox = mailboxes.find(did);
    const heir = mailbox?.consumers.findLast((consumer) => consumer instanceof RemoteConsumer && members.has(consumer.server));
    this.#owned.delete(did);
    if (heir instanceof RemoteConsumer) await this.#owners.write(did, heir.server, sorted(mailbox?.routes.bindings.protocols ?? []));
    else await this.#owners.remove(did);
  }
}

/** The rank of the next connection that is bound to a DID. */
export function nextRank(ownership: Ownership): BindingRank {
  return [ownership.epoch, ++ownership.bound];
}

function sorted(protocols: Iterable<string>): string[] {
  return [...protocols].toSorted();
}

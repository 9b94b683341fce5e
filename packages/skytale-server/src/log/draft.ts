import type { AppendOutcome, Head, NewEntry } from "./channel-log.ts";
import type { CommitIndex } from "./commit-index.ts";
import { keyId, type KeyWindow } from "./key-window.ts";
import type { NewBody } from "./segment.ts";

/** The log's state of a channel. */
export interface ChannelState extends Head {
  /** Names it in keys. */
  readonly id: number | string;
  readonly commits: CommitIndex;
}

/** A commit that a draft puts on record. */
export interface RecordedCommit {
  readonly epoch: bigint;
  readonly sequence: number;
  /** The epoch that is dropped to make room for it. */
  readonly forgotten: bigint | undefined;
}

/** A key that a draft makes known. */
export interface RecordedKey {
  readonly id: string;
  readonly sequence: number;
}

/**
 * What a group of appends does to one channel, before it is durable: decides about each entry by what is on record and by what the same
 * group has put before it. Nothing is changed until the owner takes the draft over.
 */
export class Draft {
  readonly first: number;
  readonly bodies: Uint8Array[] = [];
  /** The same with what is stored beside each body. */
  readonly entries: NewBody<string>[] = [];
  readonly recorded: RecordedCommit[] = [];
  readonly keys: RecordedKey[] = [];
  readonly #channel: ChannelState;
  readonly #known: KeyWindow;
  readonly #ownKeys = new Map<string, number>();
  #commits: CommitIndex | undefined;

  constructor(channel: ChannelState, known: KeyWindow) {
    this.#channel = channel;
    this.#known = known;
    this.first = channel.next;
  }

  /** The sequence that comes after this draft's entries. */
  get next(): number {
    return this.first + this.bodies.length;
  }

  /** The commits on record after this draft. */
  get commits(): CommitIndex {
    return this.#commits ?? this.#channel.commits;
  }

  add(publisher: string, entry: NewEntry): AppendOutcome {
    const id = keyId(this.#channel.id, publisher, entry.key);
    const known = this.#ownKeys.get(id) ?? this.#known.get(id);
    if (known !== undefined) return { status: "duplicate", sequence: known, logEpoch: this.commits.logEpoch };
    const { commit } = entry;
    if (commit !== undefined) {
      const winner = this.commits.winner(commit.epoch);
      if (winner !== undefined && winner !== commit.supersedes) {
        return { status: "epoch_taken", winner, currentEpoch: this.commits.nextFree(commit.epoch) };
      }
    }
    const sequence = this.next;
    this.bodies.push(entry.body);
    this.entries.push({
      body: entry.body,
      publisher,
      kind: commit !== undefined || entry.isHandshake === true ? "handshake" : "application",
    });
    this.#ownKeys.set(id, sequence);
    this.keys.push({ id, sequence });
    if (commit !== undefined) this.#record(commit.epoch, sequence);
    return { status: "appended", sequence, logEpoch: this.commits.logEpoch };
  }

  #record(epoch: bigint, sequence: number): void {
    this.#commits ??= this.#channel.commits.copy();
    this.recorded.push({ epoch, sequence, forgotten: this.#commits.record(epoch, sequence) });
  }
}

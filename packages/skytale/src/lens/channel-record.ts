import { createHash } from "node:crypto";
import type { ChannelMember, MemberChanges, SkytaleChannelManager, SkytaleClientEvents } from "@parley/channels";
import { ParleyError } from "@parley/core";
import type {
  ChannelReport,
  ChannelsReport,
  CommitReport,
  DecryptionReport,
  MemberReport,
  ProblemReport,
  UnreadReport,
} from "@parley/lens";

/** Channels, and for each of them commits and unreadable entries; the oldest are dropped. */
const MAX_CHANNELS = 100;
const MAX_COMMITS = 200;
const MAX_UNREAD = 200;
/** Members of a channel that are reported. */
const MAX_MEMBERS = 200;
const MAX_REASON = 500;
/** Decryptions of a channel whose times are kept. */
const MAX_DECRYPTED = 256;

/** What was recorded of one channel. */
interface Recorded {
  readonly commits: CommitReport[];
  readonly unread: UnreadReport[];
  /** By key, of those that were added since the start. */
  readonly added: Map<string, NonNullable<MemberReport["added"]>>;
  /** Milliseconds of the latest decryptions. */
  readonly decrypted: number[];
  /** Number of all decryptions. */
  count: number;
  problem?: ProblemReport;
}

/** Records the events of a manager's channels for its lens. */
export class ChannelRecord {
  /** The application's listeners, and this record. */
  readonly events: Partial<SkytaleClientEvents>;
  readonly #channels = new Map<string, Recorded>();

  constructor(given: Partial<SkytaleClientEvents> = {}) {
    this.events = {
      ...given,
      onMembersChanged: (channel, changes) => {
        this.#changed(channel, changes);
        return given.onMembersChanged?.(channel, changes);
      },
      onSkipped: (channel, entry) => {
        const unread = { sequence: entry.sequence, count: entry.count ?? 1, ...problemOf(entry.error) };
        push(this.#of(channel).unread, unread, MAX_UNREAD);
        return given.onSkipped?.(channel, entry);
      },
      onDecrypted: (channel, ms) => {
        const recorded = this.#of(channel);
        recorded.count += 1;
        push(recorded.decrypted, ms, MAX_DECRYPTED);
        return given.onDecrypted?.(channel, ms);
      },
      onError: (channel, error) => {
        this.#of(channel).problem = problemOf(error);
        return given.onError?.(channel, error);
      },
    };
  }

  /** The open channels of a manager. */
  report(manager: SkytaleChannelManager): ChannelsReport {
    const channels = manager.listChannels().slice(0, MAX_CHANNELS);
    return { kind: "channels", channels: channels.flatMap((name) => this.#channel(manager, name) ?? []) };
  }

  #channel(manager: SkytaleChannelManager, name: string): ChannelReport | undefined {
    try {
      const recorded = this.#of(name);
      const { commits, unread, added, problem } = recorded;
      const decryption = decryptionOf(recorded);
      const members = manager
        .members(name)
        .slice(0, MAX_MEMBERS)
        .map((member) => ({ name: member.name, key: keyOf(member), leaf: member.leaf, added: added.get(keyOf(member)) }));
      return {
        name,
        epoch: Number(manager.epoch(name)),
        safetyNumber: manager.safetyNumber(name),
        members,
        commits,
        unread,
        decryption,
        problem,
      };
    } catch {
      // It was closed, or has ended with an error that the manager reports.
      return undefined;
    }
  }

  #changed(channel: string, { epoch, by, added, removed }: MemberChanges): void {
    const recorded = this.#of(channel);
    const commit = { epoch: Number(epoch), time: Date.now(), by: by.name, added: added.map(nameOf), removed: removed.map(nameOf) };
    push(recorded.commits, commit, MAX_COMMITS);
    for (const member of added) recorded.added.set(keyOf(member), { epoch: commit.epoch, time: commit.time, by: commit.by });
    for (const member of removed) recorded.added.delete(keyOf(member));
  }

  #of(channel: string): Recorded {
    const found = this.#channels.get(channel);
    if (found !== undefined) return found;
    const [oldest] = this.#channels.keys();
    if (this.#channels.size >= MAX_CHANNELS && oldest !== undefined) this.#channels.delete(oldest);
    const recorded: Recorded = { commits: [], unread: [], added: new Map(), decrypted: [], count: 0 };
    this.#channels.set(channel, recorded);
    return recorded;
  }
}

function decryptionOf({ decrypted, count }: Recorded): DecryptionReport | undefined {
  if (count === 0) return undefined;
  const sorted = decrypted.toSorted((one, other) => one - other);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
  return { count, medianMs: at(0.5), slowMs: at(0.95) };
}

/** The kind of error at the start of a message, such as `MLS engine error:`. */
const PREFIX = /^[\w ]{1,24} error: /;

function problemOf(error: Error): ProblemReport {
  const { code, message } = ParleyError.from(error);
  return { code, reason: message.replace(PREFIX, "").slice(0, MAX_REASON), time: Date.now() };
}

function push<T>(list: T[], item: T, max: number): void {
  list.push(item);
  if (list.length > max) list.shift();
}

function nameOf({ name }: ChannelMember): string {
  return name;
}

function keyOf({ signatureKey }: ChannelMember): string {
  return createHash("sha256").update(signatureKey).digest("hex").slice(0, 16);
}

import type { JSX } from "preact";
import { Account, Badge, Copy, Empty, Facts, Heading, Table, Waiting } from "../parts/basics.tsx";
import { Confirm } from "../parts/confirm.tsx";
import { ago, bytes, clock, count, duration, plural } from "../parts/format.ts";
import { act, canAct, readPath } from "../state/api.ts";
import { hasLenses } from "../state/lens.ts";
import { goTo, linkTo, place } from "../state/router.ts";
import { useRead } from "../state/use-read.ts";

interface Entry {
  readonly sequence: number;
  readonly kind: string;
  readonly epoch?: number;
  readonly size?: number;
  readonly recordedAt?: number;
  readonly supersedes?: number;
  readonly evicted?: number;
}

interface Channel {
  readonly name: string;
  readonly exists: boolean;
  readonly owner: string;
  readonly createdAt: number;
  readonly first: number;
  readonly next: number;
  readonly from: number;
  readonly retention: { readonly maxEntries: number; readonly maxBytes: number; readonly maxAgeMs: number };
  readonly readers: readonly { readonly accountId: string; readonly next: number; readonly lag: number }[];
  readonly accounts: readonly { readonly accountId: string; readonly createdAt: number; readonly makers: readonly string[] }[];
  readonly entries: readonly Entry[];
}

/** What does the relay see, and only that? */
export function ChannelScreen(): JSX.Element {
  const { subject: name, settings } = place.value;
  const from = settings.get("from") ?? "";
  const { value, error } = useRead<Channel>(readPath("skytale", "channel", { name, from }));
  return (
    <>
      <Heading title="Channel log" question="What does the relay see, and only that?">
        <a href={linkTo("invites", name)}>Invites and joins</a>
        {hasLenses() && <a href={linkTo("members", name)}>Members and epochs</a>}
        <Copy text={() => JSON.stringify(value, undefined, 2)} label="Copy for a bug report" />
      </Heading>
      <p class="subject mono">{name}</p>
      {value === undefined ? (
        <Waiting error={error} />
      ) : value.exists ? (
        <Log channel={value} />
      ) : (
        <Empty>There is no channel of this name.</Empty>
      )}
    </>
  );
}

function Log({ channel }: { channel: Channel }): JSX.Element {
  const { name, first, next, from, entries, readers, retention, accounts } = channel;
  const epochs = new Map(entries.map(({ sequence, epoch }) => [sequence, epoch]));
  return (
    <>
      <p class="notice plain">
        The relay stores ciphertext. It sees sizes, times, kinds and the epochs that senders claim; it can't read messages, and knows no
        members.
      </p>
      <Facts
        rows={[
          ["Entries kept", `${count(next - first)} (${count(first)} to ${count(next - 1)})`],
          ["Kept at most", `${count(retention.maxEntries)} entries, ${bytes(retention.maxBytes)}, ${duration(retention.maxAgeMs)}`],
          ["Owner", <Account key="o" id={channel.owner} />],
          ["Accounts", plural(accounts.length + 1, "account")],
          ["Created", ago(channel.createdAt)],
        ]}
      />
      {canAct("skytale", "delete-channel") && (
        <p>
          <Confirm
            label="Delete this channel"
            question={`Delete the channel ${name}?`}
            onYes={async () => {
              await act("skytale", "delete-channel", { channel: name });
              goTo("channels");
            }}
          >
            <p>Lost permanently, for all members:</p>
            <ul class="lost">
              <li>{plural(next - first, "entry", "entries")} of its log</li>
              <li>the access of {plural(accounts.length + 1, "account")}, its invites and join requests</li>
              {readers.length > 0 && <li>{plural(readers.length, "connection")} of agents to it, which end now</li>}
            </ul>
            <p class="hint">Members keep the messages that they have read.</p>
          </Confirm>
        </p>
      )}
      <h2>Readers</h2>
      {readers.length === 0 ? (
        <Empty>No agent is connected to this channel: nobody approves join requests now.</Empty>
      ) : (
        <Table
          caption={`${plural(readers.length, "reader")}; source: relay`}
          rows={readers.map((reader, index) => ({ ...reader, index }))}
          keyOf={({ index }) => String(index)}
          columns={[
            { name: "Account", cell: ({ accountId }) => <Account id={accountId} /> },
            { name: "Gets next", isNumber: true, cell: ({ next: sequence }) => count(sequence) },
            { name: "Behind", isNumber: true, cell: ({ lag }) => (lag > 0 ? <Badge tone="warning">{count(lag)}</Badge> : "0") },
          ]}
        />
      )}
      <h2>Log</h2>
      <p class="tools">
        {from > first && <a href={linkTo("channel", name, { from: String(Math.max(first, from - 200)) })}>Earlier entries</a>}
        {from + entries.length < next && <a href={linkTo("channel", name, { from: String(from + 200) })}>Later entries</a>}
        <a href={linkTo("channel", name)}>Latest entries</a>
      </p>
      {entries.length === 0 ? (
        <Empty>The log is empty.</Empty>
      ) : (
        <Table
          caption={`${plural(entries.length, "entry", "entries")}, oldest first; source: relay`}
          rows={entries}
          keyOf={({ sequence }) => String(sequence)}
          columns={[
            { name: "Sequence", isNumber: true, cell: ({ sequence }) => sequence },
            { name: "Kind", cell: (entry) => <Kind entry={entry} /> },
            {
              name: "Claimed epoch",
              isNumber: true,
              cell: ({ epoch, sequence }) => <span class={epochs.get(sequence - 1) === epoch ? "faint" : "epoch"}>{epoch}</span>,
            },
            { name: "Size", isNumber: true, cell: ({ size }) => bytes(size) },
            { name: "Recorded", cell: ({ recordedAt }) => (recordedAt === undefined || recordedAt === 0 ? "" : clock(recordedAt)) },
          ]}
        />
      )}
    </>
  );
}

function Kind({ entry: { kind, evicted, supersedes } }: { entry: Entry }): JSX.Element {
  if (kind === "evicted") return <Badge tone="warning">{plural(evicted ?? 1, "entry", "entries")} evicted by retention</Badge>;
  if (kind === "commit") return <Badge tone="good">{supersedes === undefined ? "commit" : `commit, replaces ${supersedes}`}</Badge>;
  return <Badge tone="plain">{kind}</Badge>;
}

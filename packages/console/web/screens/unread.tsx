import type { JSX } from "preact";
import type { ChannelView } from "@parley/admin";
import { Badge, Copy, Heading, Prose, Table, Waiting } from "../parts/basics.tsx";
import { ago, count, plural } from "../parts/format.ts";
import { Lenses, NoLens } from "../parts/lenses.tsx";
import { canRead } from "../state/api.ts";
import { useMembers } from "../state/lens.ts";
import { linkTo, place } from "../state/router.ts";

/** What helps, by the code of the reason. */
const REMEDIES: Readonly<Record<string, string>> = {
  epoch_mismatch:
    "The entry is of an epoch whose keys this member no longer has, or of a later one. Members that stay connected read entries in time; if epochs differ, see Members and epochs.",
  decryption_failure:
    "A duplicate, or not from a member. Nothing is missing if the message has arrived once; otherwise look at its sender.",
  fork: "The entry is of a group that this member is not in. See Members and epochs: which members agree?",
  log_lost:
    "The relay no longer has it. Raise the retention of the channel, or let agents connect more often. Ask the sender to repeat it.",
  rolled_back: "The data directory is an older copy. Do not restore an agent's directory while another copy of it is in use.",
  mls_error: "Malformed, or sent by members whose group differs. See Members and epochs.",
  identity_taken:
    "A commit added a second member with one identity, which this member rejects. Use the same `allowSameIdentity` at all agents.",
};
const OTHERWISE = "Copy it for a bug report, with the log of the agent.";

/** Which entries couldn't be read here, why, and what helps? */
export function UnreadScreen(): JSX.Element {
  const channel = place.value.subject;
  const { value, error } = useMembers(channel);
  const rows = value?.channels.flatMap(({ views }) => views.flatMap(rowsOf)).toSorted((one, other) => other.time - one.time) ?? [];
  const ended = value?.channels.flatMap(({ views }) => views.filter(({ problem }) => problem !== undefined)) ?? [];
  return (
    <>
      <Heading title="Unread" question="Which entries could not be read, by which member, why, and what helps?">
        {channel !== "" && <a href={linkTo("unread")}>All channels</a>}
        <Copy text={() => JSON.stringify(rows, undefined, 2)} label="Copy for a bug report" />
      </Heading>
      {channel !== "" && <p class="subject mono">{channel}</p>}
      {value === undefined && <Waiting error={error} />}
      {value?.lenses.length === 0 && <NoLens what="unread entries" />}
      {value !== undefined && value.lenses.length > 0 && (
        <>
          <Lenses lenses={value.lenses} />
          {ended.map(({ lens, name, problem }) => (
            <p class="notice bad" key={`${lens} ${name}`}>
              {lens} reports of <a href={linkTo("members", name)}>{name}</a>, {ago(problem?.time)}: {problem?.reason}
            </p>
          ))}
          {rows.length === 0 ? (
            <p class="notice good">Every entry since the agents started was read, or is from before its reader joined.</p>
          ) : (
            <Table
              caption={`${plural(rows.length, "entry", "entries")} not read, newest first`}
              rows={rows}
              keyOf={({ lens, channel: name, sequence, time }) => `${lens} ${name} ${sequence} ${time}`}
              columns={[
                { name: "Lens", cell: ({ lens }) => lens },
                { name: "Channel", cell: ({ channel: name }) => <a href={linkTo("members", name)}>{name}</a> },
                { name: "Entry", isNumber: true, cell: entryOf },
                {
                  name: "Why, and what helps",
                  cell: ({ code, reason }) => (
                    <>
                      <Badge tone="warning">{code}</Badge> {reason}
                      <br />
                      <span class="faint">
                        <Prose text={REMEDIES[code] ?? OTHERWISE} />
                      </span>
                    </>
                  ),
                },
                { name: "When", cell: ({ time }) => ago(time) },
              ]}
            />
          )}
        </>
      )}
    </>
  );
}

type Row = ChannelView["unread"][number] & { readonly lens: string; readonly channel: string };

function rowsOf({ lens, name, unread }: ChannelView): readonly Row[] {
  return unread.map((entry) => ({ ...entry, lens, channel: name }));
}

function entryOf({ sequence, count: number, channel }: Row): JSX.Element | string {
  const text = number === 1 ? count(sequence) : `${count(sequence)} to ${count(sequence + number - 1)}`;
  if (!canRead("skytale", "channel")) return text;
  return <a href={linkTo("channel", channel, { from: String(sequence) })}>{text}</a>;
}

import type { JSX } from "preact";
import type { ChannelView, SeenChannel } from "@parley/admin";
import { Badge, Copy, Empty, Heading, Prose, Table, Waiting } from "../parts/basics.tsx";
import { EpochPlot } from "../parts/epoch-plot.tsx";
import { ago, count, duration, plural } from "../parts/format.ts";
import { Lenses, NoLens } from "../parts/lenses.tsx";
import { canRead } from "../state/api.ts";
import { useMembers } from "../state/lens.ts";
import { linkTo, place } from "../state/router.ts";

/** Who is in, since when, by whom, and do all members agree? */
export function MembersScreen(): JSX.Element {
  const channel = place.value.subject;
  const { value, error } = useMembers(channel);
  return (
    <>
      <Heading title="Members and epochs" question="Who is in, since when, by whom, and do all members agree?">
        {channel !== "" && <a href={linkTo("members")}>All channels</a>}
        <Copy text={() => JSON.stringify(value, undefined, 2)} label="Copy for a bug report" />
      </Heading>
      {value === undefined ? (
        <Waiting error={error} />
      ) : value.lenses.length === 0 ? (
        <NoLens what="members and epochs of channels" />
      ) : (
        <>
          <Lenses lenses={value.lenses} />
          {value.channels.length === 0 && (
            <Empty>{channel === "" ? "The agents have no channel open." : `No agent with a lens has ${channel} open.`}</Empty>
          )}
          {value.channels.map((one) => (
            <Channel key={one.name} channel={one} isAlone={channel !== ""} />
          ))}
        </>
      )}
    </>
  );
}

function Channel({ channel: { name, comparison, views }, isAlone }: { channel: SeenChannel; isAlone: boolean }): JSX.Element {
  return (
    <section class="card" aria-label={name}>
      <h2>{isAlone ? name : <a href={linkTo("members", name)}>{name}</a>}</h2>
      <p class={`notice ${comparison.tone}`}>
        {comparison.text}
        {comparison.remedy !== undefined && (
          <>
            <br />
            <strong>Remedy:</strong> <Prose text={comparison.remedy} />
          </>
        )}
      </p>
      <p class="tools">
        <a href={linkTo("unread", name)}>Unread entries</a>
        {canRead("skytale", "channel") && <a href={linkTo("channel", name)}>Log as the relay sees it</a>}
        {canRead("skytale", "invites") && <a href={linkTo("invites", name)}>Invites and joins</a>}
      </p>
      <Table
        caption="Epochs, by lens. Equal safety numbers in one epoch prove equal groups."
        rows={views}
        keyOf={({ lens, safetyNumber }) => `${lens} ${safetyNumber}`}
        columns={[
          { name: "Lens", cell: ({ lens }) => lens },
          { name: "Epoch", isNumber: true, cell: ({ epoch }) => count(epoch) },
          { name: "Members", isNumber: true, cell: ({ members }) => count(members.length) },
          {
            name: "Unread",
            isNumber: true,
            cell: ({ unread }) => (unread.length > 0 ? <Badge tone="warning">{count(unread.length)}</Badge> : "0"),
          },
          {
            name: "Decryption",
            isNumber: true,
            cell: ({ decryption }) =>
              decryption === undefined ? "–" : `${duration(decryption.medianMs)}, 95 % within ${duration(decryption.slowMs)}`,
          },
          { name: "Safety number", cell: ({ safetyNumber }) => <SafetyNumber text={safetyNumber} /> },
        ]}
      />
      <EpochPlot views={views} />
      <MemberTable views={views} />
      {isAlone && <Commits views={views} />}
    </section>
  );
}

/** The first groups of a safety number; all of it on demand. */
function SafetyNumber({ text }: { text: string }): JSX.Element {
  return (
    <span class="mono" title={text}>
      {text.split(" ").slice(0, 4).join(" ")} … <Copy text={text} />
    </span>
  );
}

interface Row {
  readonly name: string;
  readonly key: string;
  readonly leaf: number;
  readonly seenBy: readonly string[];
  readonly added: ChannelView["members"][number]["added"];
}

function MemberTable({ views }: { views: readonly ChannelView[] }): JSX.Element {
  const rows = rowsOf(views);
  return (
    <Table
      caption={plural(rows.length, "member")}
      rows={rows}
      keyOf={({ key }) => key}
      columns={[
        { name: "Member", cell: ({ name }) => name },
        {
          name: "Since",
          cell: ({ added, leaf }) =>
            added !== undefined ? (
              `${ago(added.time)}, epoch ${added.epoch}`
            ) : (
              <span class="faint">{leaf === 0 && isWhole(views) ? "creation of the channel" : "before the agents started"}</span>
            ),
        },
        { name: "Added by", cell: ({ added }) => added?.by ?? "" },
        {
          name: "Seen by",
          cell: ({ seenBy }) =>
            seenBy.length === views.length ? (
              plural(views.length, "lens", "lenses")
            ) : (
              <Badge tone="warning">{seenBy.join(", ")} only</Badge>
            ),
        },
        { name: "Leaf", isNumber: true, cell: ({ leaf }) => leaf },
        { name: "Key", cell: ({ key }) => <code>{key}</code> },
      ]}
    />
  );
}

/** Whether an agent has seen the first commit: its view begins with the creation of the channel. */
function isWhole(views: readonly ChannelView[]): boolean {
  return views.some(({ commits }) => commits.some(({ epoch }) => epoch === 1));
}

/** The members of all views, by key. */
function rowsOf(views: readonly ChannelView[]): readonly Row[] {
  const rows = new Map<string, Row>();
  for (const { lens, members } of views) {
    for (const { name, key, leaf, added } of members) {
      const row = rows.get(key);
      rows.set(key, { name, key, leaf, added: row?.added ?? added, seenBy: [...(row?.seenBy ?? []), lens] });
    }
  }
  return [...rows.values()].toSorted((one, other) => one.leaf - other.leaf);
}

function Commits({ views }: { views: readonly ChannelView[] }): JSX.Element {
  const rows = views.flatMap(({ lens, commits }) => commits.map((commit) => ({ ...commit, lens })));
  const latest = rows.toSorted((one, other) => other.time - one.time).slice(0, 50);
  if (latest.length === 0) return <Empty>No commit since the agents have started.</Empty>;
  return (
    <Table
      caption="Latest commits"
      rows={latest}
      keyOf={({ lens, epoch }) => `${lens} ${epoch}`}
      columns={[
        { name: "When", cell: ({ time }) => ago(time) },
        { name: "Lens", cell: ({ lens }) => lens },
        { name: "New epoch", isNumber: true, cell: ({ epoch }) => epoch },
        { name: "By", cell: ({ by }) => by },
        { name: "Change", cell: changeOf },
      ]}
    />
  );
}

function changeOf({ added, removed }: ChannelView["commits"][number]): string {
  const parts = [
    ...(added.length > 0 ? [`added ${added.join(", ")}`] : []),
    ...(removed.length > 0 ? [`removed ${removed.join(", ")}`] : []),
  ];
  return parts.length === 0 ? "new keys" : parts.join("; ");
}

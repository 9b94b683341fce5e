import type { JSX } from "preact";
import { Badge, Empty, Field, Heading, Table, Waiting } from "../parts/basics.tsx";
import { ago, count, plural } from "../parts/format.ts";
import { readPath } from "../state/api.ts";
import { linkTo, place, setSetting } from "../state/router.ts";
import { useRead } from "../state/use-read.ts";

/** A row of the list. */
export interface ChannelRow {
  readonly name: string;
  readonly owner: string;
  readonly createdAt: number;
  readonly invites: number;
  readonly pending: number;
  readonly accounts: number;
  readonly first: number;
  readonly next: number;
  readonly readers: number;
  readonly lag: number;
}

/** Which channels are there; who reads them, how far behind, and who waits to join? */
export function ChannelsScreen(): JSX.Element {
  const q = place.value.settings.get("q") ?? "";
  const { value, error } = useRead<{ channels: readonly ChannelRow[]; hasMore: boolean }>(readPath("skytale", "channels", { q }));
  return (
    <>
      <Heading title="Channels" question="Which channels are there; who reads them, how far behind, and who waits to join?">
        <Field label="Search" value={q} onInput={(text) => setSetting("q", text)} placeholder="name" />
      </Heading>
      {value === undefined && <Waiting error={error} />}
      {value?.channels.length === 0 && <Empty>{q === "" ? <NoChannel /> : "No channel matches."}</Empty>}
      {value !== undefined && value.channels.length > 0 && (
        <Table
          caption={`${plural(value.channels.length, "channel")}${value.hasMore ? ", and more" : ""}; source: relay`}
          rows={value.channels}
          keyOf={({ name }) => name}
          columns={[
            { name: "Channel", cell: ({ name }) => <a href={linkTo("channel", name)}>{name}</a> },
            { name: "Entries", isNumber: true, cell: ({ first, next }) => count(next - first) },
            { name: "Head", isNumber: true, cell: ({ next }) => count(next - 1) },
            { name: "Readers", isNumber: true, cell: ({ readers }) => count(readers) },
            { name: "Lag", isNumber: true, cell: ({ lag }) => (lag > 0 ? <Badge tone="warning">{count(lag)}</Badge> : "0") },
            { name: "Accounts", isNumber: true, cell: ({ accounts }) => count(accounts) },
            {
              name: "Waiting to join",
              isNumber: true,
              cell: ({ pending, name }) =>
                pending > 0 ? (
                  <a href={linkTo("invites", name)}>
                    <Badge tone="warning">{count(pending)}</Badge>
                  </a>
                ) : (
                  "0"
                ),
            },
            { name: "Invites", isNumber: true, cell: ({ invites, name }) => <a href={linkTo("invites", name)}>{count(invites)}</a> },
            { name: "Created", cell: ({ createdAt }) => ago(createdAt) },
          ]}
        />
      )}
    </>
  );
}

/** How the first channel is created. */
function NoChannel(): JSX.Element {
  return (
    <>
      There is no channel yet. Agents create them, as <code>parley channels create acme/team/general</code> does.
    </>
  );
}

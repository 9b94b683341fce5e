import type { JSX } from "preact";
import { Account, Badge, Empty, Heading, Table, Waiting } from "../parts/basics.tsx";
import { ago, count, plural } from "../parts/format.ts";
import { accountName } from "../state/accounts.ts";
import { readPath } from "../state/api.ts";
import { linkTo, place } from "../state/router.ts";
import { useRead } from "../state/use-read.ts";

interface Invite {
  readonly id: string;
  readonly channel: string;
  readonly createdBy: string;
  readonly maxUses: number;
  readonly used: number;
  readonly held: number;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly status: string;
}

interface Join {
  readonly requestId: string;
  readonly channel: string;
  readonly accountId: string;
  readonly status: "pending" | "admitted" | "refused" | "expired";
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly reason?: string;
  readonly answeredBy?: string;
  readonly rejected: number;
  readonly readers: number;
}

const TONES = { pending: "warning", admitted: "good", refused: "bad", expired: "bad" } as const;

/** Why does a joiner wait? */
export function InvitesScreen(): JSX.Element {
  const channel = place.value.subject;
  const { value, error } = useRead<{ invites: readonly Invite[]; joins: readonly Join[] }>(readPath("skytale", "invites", { channel }));
  return (
    <>
      <Heading title="Invites and joins" question="Why does a joiner wait, and who could admit it?">
        {channel !== "" && <a href={linkTo("invites")}>All channels</a>}
      </Heading>
      {channel !== "" && <p class="subject mono">{channel}</p>}
      {value === undefined ? <Waiting error={error} /> : <Tables invites={value.invites} joins={value.joins} />}
    </>
  );
}

function Tables({ invites, joins }: { invites: readonly Invite[]; joins: readonly Join[] }): JSX.Element {
  return (
    <>
      <h2>Join requests</h2>
      {joins.length === 0 ? (
        <Empty>Nobody has asked to join.</Empty>
      ) : (
        <Table
          caption={plural(joins.length, "join request")}
          rows={joins}
          keyOf={({ requestId }) => requestId}
          columns={[
            { name: "Channel", cell: ({ channel }) => <a href={linkTo("channel", channel)}>{channel}</a> },
            { name: "State", cell: ({ status }) => <Badge tone={TONES[status]}>{status === "pending" ? "waits" : status}</Badge> },
            { name: "Why", cell: whyOf },
            { name: "Asked", cell: ({ createdAt }) => ago(createdAt) },
            { name: "Account", cell: ({ accountId }) => <Account id={accountId} /> },
          ]}
        />
      )}
      <h2>Invites</h2>
      {invites.length === 0 ? (
        <Empty>There is no invite.</Empty>
      ) : (
        <Table
          caption={plural(invites.length, "invite")}
          rows={invites}
          keyOf={({ channel, id }) => `${channel} ${id}`}
          columns={[
            { name: "Channel", cell: ({ channel }) => <a href={linkTo("channel", channel)}>{channel}</a> },
            { name: "State", cell: ({ status }) => <Badge tone={status === "open" ? "good" : "plain"}>{status}</Badge> },
            { name: "Used", isNumber: true, cell: ({ used, maxUses }) => `${count(used)} of ${count(maxUses)}` },
            { name: "Held by requests", isNumber: true, cell: ({ held }) => count(held) },
            { name: "Made by", cell: ({ createdBy }) => <Account id={createdBy} /> },
            { name: "Made", cell: ({ createdAt }) => ago(createdAt) },
            { name: "Expires", cell: ({ expiresAt }) => ago(expiresAt) },
          ]}
        />
      )}
    </>
  );
}

function whyOf({ status, readers, reason, answeredBy, rejected }: Join): string {
  if (status === "pending") {
    const answers = rejected > 0 ? ` The joiner has rejected ${plural(rejected, "answer")}.` : "";
    return readers === 0
      ? `No member is connected to approve it: start an agent that is a member.${answers}`
      : `${plural(readers, "member is", "members are")} connected and could approve it.${answers}`;
  }
  if (status === "expired") return "No member answered in time.";
  if (reason !== undefined) return reason;
  return answeredBy === undefined ? "" : `answered by account ${accountName(answeredBy)}`;
}

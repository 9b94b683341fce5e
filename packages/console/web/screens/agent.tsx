import type { JSX } from "preact";
import type { ShownEntry } from "@parley/admin";
import { Badge, Copy, Did, Empty, Facts, Heading, Table, Waiting } from "../parts/basics.tsx";
import { DeleteAgent } from "../parts/delete-agent.tsx";
import { ago, bytes, clock, count, duration, eventName, isLost, plural, shortType, toneOf } from "../parts/format.ts";
import { accountName } from "../state/accounts.ts";
import { canAct, canRead, readPath } from "../state/api.ts";
import { goTo, linkTo, place } from "../state/router.ts";
import { useRead } from "../state/use-read.ts";
import { Protocols } from "./agents.tsx";
import { DeadLetters } from "./dead-letters.tsx";
import { InboxActions } from "./message-actions.tsx";

interface Delivery {
  readonly seq: number;
  readonly id: string;
  readonly type: string;
  readonly from?: string;
  readonly attempt: number;
  readonly sinceMs: number;
  readonly redeliveryInMs: number;
}

interface Connection {
  readonly key?: string;
  readonly protocols: readonly string[];
  readonly silentMs: number;
  readonly joinedMs: number;
  readonly isFull: boolean;
  readonly inFlight: number;
  readonly deliveries: readonly Delivery[];
}

interface Waits {
  readonly seq: number;
  readonly id: string;
  readonly type: string;
  readonly from?: string;
  readonly thread: string;
  readonly attempts: number;
  readonly expiresAt: number;
  readonly size: number;
  readonly hasReceiver: boolean;
}

interface Agent {
  readonly did: string;
  readonly isHosted: boolean;
  readonly storage: string;
  readonly createdAt: number;
  readonly lastSeenAt: number;
  readonly keyId: string;
  readonly key?: string;
  readonly isKeyRevoked: boolean;
  readonly isConnected: boolean;
  readonly connections: readonly Connection[];
  readonly waiting: number;
  readonly waitingLength: number;
  readonly maxWaiting: number;
  readonly toOtherNodes: number;
  readonly inbox: readonly Waits[];
}

/** Events that tell how the last connection ended, and those in the table. */
const EVENTS_READ = 300;
const EVENTS_SHOWN = 30;

/** Why does this agent get nothing? */
export function AgentScreen(): JSX.Element {
  const did = place.value.subject;
  const { value, error, reload } = useRead<Agent>(readPath("node", "agent", { did }));
  const events = useRead<readonly ShownEntry[]>(`events?${new URLSearchParams({ filter: `did:${did}`, limit: String(EVENTS_READ) })}`);
  return (
    <>
      <Heading title="Agent" question="Why does this agent get nothing?">
        <Copy text={did} label="Copy the DID" />
        <Copy text={() => JSON.stringify({ agent: value, events: events.value }, undefined, 2)} label="Copy for a bug report" />
      </Heading>
      <p class="subject mono">{did}</p>
      {value === undefined ? (
        <Waiting error={error} />
      ) : value.isHosted ? (
        <Details agent={value} events={events.value ?? []} reload={reload} />
      ) : (
        <Elsewhere did={did} />
      )}
      {value?.isHosted === true && <DeadLetters did={did} />}
      <h2>Last events</h2>
      <EventTable events={events.value?.slice(0, EVENTS_SHOWN) ?? []} />
    </>
  );
}

function Elsewhere({ did }: { did: string }): JSX.Element {
  return (
    <Empty>
      No agent has joined this node as this DID. <a href={linkTo("federation", did)}>See how the node resolves it</a>
    </Empty>
  );
}

/** The most likely reason, first. */
function reasonOf(agent: Agent, events: readonly ShownEntry[]): { tone: "good" | "warning" | "bad"; text: string } {
  const { isConnected, isKeyRevoked, waiting, connections, inbox } = agent;
  if (isKeyRevoked) return { tone: "bad", text: "The API key that owns this DID is revoked: no agent can join as it with that key." };
  const lost = lostConnection(events);
  const interrupted = Math.max(inbox.filter(({ attempts }) => attempts > 0).length, lost?.interrupted ?? 0);
  if (!isConnected && interrupted > 0) {
    const what = plural(interrupted, "message was", "messages were");
    const then = waiting > 0 ? "An agent that joins gets what waits." : "Nothing waits any more: see the dead letters and the last events.";
    return {
      tone: "bad",
      text: `The agent's last connection ended while ${what} delivered and not acknowledged: it was killed or lost its network in the middle. ${then}`,
    };
  }
  if (!isConnected && lost !== undefined)
    return {
      tone: "warning",
      text: `No connection: the last one was ${lost.reason}. The agent was killed or lost its network. ${plural(waiting, "message waits", "messages wait")}.`,
    };
  if (!isConnected && waiting > 0)
    return { tone: "warning", text: `No connection. ${plural(waiting, "message")} for it until an agent joins.` };
  if (!isConnected) return { tone: "warning", text: "No connection: messages wait in its inbox until an agent joins." };
  const repeated = connections.flatMap(({ deliveries }) => deliveries).filter(({ attempt }) => attempt > 1).length;
  if (repeated > 0)
    return {
      tone: "bad",
      text: `${plural(repeated, "message was", "messages were")} delivered and not acknowledged in time: the agent's handler may hang, or its SDK doesn't acknowledge.`,
    };
  if (connections.some(({ isFull }) => isFull))
    return { tone: "warning", text: "The window of a connection is full: the agent receives faster than it acknowledges." };
  const unhandled = inbox.filter(({ hasReceiver }) => !hasReceiver).length;
  if (unhandled > 0)
    return { tone: "warning", text: `${plural(unhandled, "waiting message has", "waiting messages have")} no handler on any connection.` };
  if (connections.every(({ protocols }) => protocols.length === 0))
    return { tone: "good", text: "Connected, without handlers: it gets responses to its own messages only." };
  return { tone: "good", text: "Connected, and nothing is held back." };
}

/** How the last connection of an agent ended, if it was lost. The events are those of the agent, newest first. */
function lostConnection(events: readonly ShownEntry[]): { readonly reason: string; readonly interrupted: number } | undefined {
  const at = events.findIndex(({ kind }) => kind === "left" || kind === "joined");
  const end = events[at];
  if (end === undefined || !isLost(end)) return undefined;
  const before = events.slice(at + 1);
  const ids = (wanted: string): readonly string[] =>
    before.flatMap(({ kind, id, to }) => (kind === wanted && to?.[0] === end.did ? (id ?? []) : []));
  const open = new Set(ids("delivered"));
  for (const id of [...ids("settled"), ...ids("dead")]) open.delete(id);
  return { reason: end.reason === undefined ? "lost" : `lost, ${end.reason}`, interrupted: open.size };
}

function Details({ agent, events, reload }: { agent: Agent; events: readonly ShownEntry[]; reload: () => void }): JSX.Element {
  const { tone, text } = reasonOf(agent, events);
  const { did, connections, inbox, waiting } = agent;
  const deliveries = connections.flatMap((connection, index) =>
    connection.deliveries.map((delivery) => ({ ...delivery, connection: index + 1 })),
  );
  return (
    <>
      <p class={`notice ${tone}`}>{text}</p>
      <Facts
        rows={[
          ["Kept", agent.storage],
          ["API key", agent.key ?? `${agent.keyId} (revoked)`],
          ["Created", ago(agent.createdAt)],
          ["Last seen", ago(agent.lastSeenAt)],
          ["Waiting", `${count(waiting)} of ${count(agent.maxWaiting)} messages, ${bytes(agent.waitingLength)}`],
          ["For other nodes", count(agent.toOtherNodes)],
          ...(canRead("node", "credentials")
            ? [
                [
                  "Credentials",
                  <a key="c" href={linkTo("credentials", did)}>
                    what it holds
                  </a>,
                ] as const,
              ]
            : []),
        ]}
      />
      <p>
        <DeleteAgent did={did} label="Delete this agent" onDone={() => goTo("agents")} />
      </p>
      <h2>Connections</h2>
      {connections.length === 0 ? (
        <Empty>No agent is connected as this DID.</Empty>
      ) : (
        <Table
          caption={plural(connections.length, "connection")}
          rows={connections.map((connection, index) => ({ ...connection, number: index + 1 }))}
          keyOf={({ number }) => String(number)}
          columns={[
            { name: "No.", isNumber: true, cell: ({ number }) => number },
            { name: "Handles", cell: ({ protocols }) => <Protocols all={protocols} /> },
            { name: "In flight", isNumber: true, cell: ({ inFlight }) => count(inFlight) },
            { name: "Window", cell: ({ isFull }) => (isFull ? <Badge tone="warning">full</Badge> : <Badge tone="good">open</Badge>) },
            { name: "Silent for", isNumber: true, cell: ({ silentMs }) => duration(silentMs) },
            { name: "Joined", cell: ({ joinedMs }) => `${duration(joinedMs)} ago` },
            { name: "API key", cell: ({ key = "" }) => <span class="mono">{key.slice(0, 8)}</span> },
          ]}
        />
      )}
      {deliveries.length > 0 && (
        <Table
          caption="In flight: delivered, and not acknowledged yet"
          rows={deliveries}
          keyOf={({ seq }) => String(seq)}
          columns={[
            { name: "Type", cell: ({ type, id }) => <a href={linkTo("thread", id)}>{shortType(type)}</a> },
            { name: "From", cell: ({ from }) => <Did did={from} /> },
            { name: "Attempt", isNumber: true, cell: ({ attempt }) => (attempt > 1 ? <Badge tone="warning">{attempt}</Badge> : attempt) },
            { name: "Delivered", cell: ({ sinceMs }) => `${duration(sinceMs)} ago` },
            { name: "Redelivery", cell: ({ redeliveryInMs }) => `in ${duration(Math.max(0, redeliveryInMs))}` },
            { name: "Connection", isNumber: true, cell: ({ connection }) => connection },
          ]}
        />
      )}
      <h2>Inbox</h2>
      {inbox.length === 0 ? (
        <Empty>The inbox is empty.</Empty>
      ) : (
        <Table
          caption={`The oldest ${count(inbox.length)} of ${plural(waiting, "waiting message")}`}
          rows={inbox}
          keyOf={({ seq }) => String(seq)}
          columns={[
            { name: "No.", isNumber: true, cell: ({ seq }) => seq },
            { name: "Type", cell: ({ type, thread }) => <a href={linkTo("thread", thread)}>{shortType(type)}</a> },
            { name: "From", cell: ({ from }) => <Did did={from} /> },
            { name: "Handler", cell: ({ hasReceiver }) => (hasReceiver ? "yes" : <Badge tone="warning">none connected</Badge>) },
            { name: "Failed deliveries", isNumber: true, cell: ({ attempts }) => count(attempts) },
            { name: "Expires", cell: ({ expiresAt }) => ago(expiresAt) },
            { name: "Size", isNumber: true, cell: ({ size }) => bytes(size) },
            ...(canAct("node", "purge-message")
              ? [
                  {
                    name: "Actions",
                    cell: (message: Waits) => (
                      <InboxActions message={{ ...message, did }} isConnected={agent.isConnected} onDone={reload} />
                    ),
                  },
                ]
              : []),
          ]}
        />
      )}
    </>
  );
}

/** Events in a table. */
function EventTable({ events }: { events: readonly ShownEntry[] }): JSX.Element {
  if (events.length === 0) return <Empty>No events since the start of the server.</Empty>;
  return (
    <Table
      caption={plural(events.length, "event")}
      rows={events}
      keyOf={({ seq }) => String(seq)}
      columns={[
        { name: "Time", cell: ({ time }) => <span class="mono">{clock(time)}</span> },
        { name: "Event", cell: (event) => <Badge tone={toneOf(event)}>{eventName(event)}</Badge> },
        {
          name: "Type",
          cell: ({ type, thread, id }) => (type === undefined ? "" : <a href={linkTo("thread", thread ?? id ?? "")}>{shortType(type)}</a>),
        },
        { name: "From", cell: ({ from }) => (from === undefined ? "" : <Did did={from} length={32} />) },
        { name: "To", cell: ({ to }) => (to === undefined ? "" : <Did did={to[0]} length={32} />) },
        { name: "Details", cell: detailsOf },
      ]}
    />
  );
}

/** What else is known of an event, in a few words. */
export function detailsOf({ code, reason, outcome, attempt, ms, size, count: number, did, channel, account }: ShownEntry): string {
  const parts = [
    channel ?? "",
    did ?? "",
    outcome ?? "",
    code ?? "",
    reason ?? "",
    attempt === undefined || attempt === 1 ? "" : `attempt ${attempt}`,
    ms === undefined ? "" : duration(ms),
    number === undefined || number === 1 ? "" : plural(number, "message"),
    size === undefined ? "" : bytes(size),
    account === undefined ? "" : `account ${accountName(account)}`,
  ];
  return parts.filter((part) => part !== "").join(" · ");
}

import type { JSX } from "preact";
import { Badge, Did, Empty, Field, Heading, Table, Waiting } from "../parts/basics.tsx";
import { DeleteAgent } from "../parts/delete-agent.tsx";
import { ago, count, keyName, plural } from "../parts/format.ts";
import { canAct, readPath } from "../state/api.ts";
import { linkTo, place, setSetting } from "../state/router.ts";
import { useRead } from "../state/use-read.ts";

/** A row of the list. */
export interface AgentRow {
  readonly did: string;
  readonly isConnected: boolean;
  readonly storage: string;
  readonly key: string;
  readonly keyId: string;
  readonly lastSeenAt: number;
  readonly protocols: readonly string[];
  readonly waiting: number;
}

/** Who is connected, as which DID, for which protocols, how far behind? */
export function AgentsScreen(): JSX.Element {
  const q = place.value.settings.get("q") ?? "";
  const { value, error, reload } = useRead<{ total: number; agents: readonly AgentRow[] }>(readPath("node", "agents", { q }));
  return (
    <>
      <Heading title="Agents" question="Who is connected, as which DID, for which protocols, and how far behind?">
        <Field label="Search" value={q} onInput={(text) => setSetting("q", text)} placeholder="DID or protocol" />
      </Heading>
      {value === undefined && <Waiting error={error} />}
      {value?.agents.length === 0 && <Empty>{q === "" ? <NoAgent /> : "No agent matches."}</Empty>}
      {value !== undefined && value.agents.length > 0 && (
        <Table
          caption={plural(value.total, "agent")}
          rows={value.agents}
          keyOf={({ did }) => did}
          columns={[
            { name: "Agent", cell: ({ did }) => <Did did={did} length={56} /> },
            {
              name: "State",
              cell: ({ isConnected, lastSeenAt }) =>
                isConnected ? <Badge tone="good">connected</Badge> : <Badge tone="plain">away, seen {ago(lastSeenAt)}</Badge>,
            },
            {
              name: "Waiting",
              isNumber: true,
              cell: ({ waiting, isConnected }) =>
                waiting > 0 && !isConnected ? <Badge tone="warning">{count(waiting)}</Badge> : count(waiting),
            },
            { name: "Protocols", cell: ({ protocols }) => <Protocols all={protocols} /> },
            { name: "API key", cell: ({ key, keyId }) => keyName(key, keyId) },
            { name: "Kept", cell: ({ storage }) => storage },
            ...(canAct("node", "delete-agent")
              ? [{ name: "Actions", cell: ({ did }: AgentRow) => <DeleteAgent did={did} onDone={reload} /> }]
              : []),
          ]}
        />
      )}
    </>
  );
}

/** How the first agent connects. */
function NoAgent(): JSX.Element {
  return (
    <>
      No agent has connected yet. Start one with the node's URL and an API key, such as <code>parley run -- node agent.mjs</code>
      {canAct("dev", "listen") && (
        <>
          , or let this page <a href={linkTo("try")}>wait for messages as one</a>
        </>
      )}
      .
    </>
  );
}

export function Protocols({ all }: { all: readonly string[] }): JSX.Element {
  if (all.length === 0) return <span class="faint">none</span>;
  return (
    <span class="mono" title={all.join("\n")}>
      {all.slice(0, 3).map((protocol) => (
        <span key={protocol} class="tag">
          {protocol === "*" ? "* (all)" : protocol.split("/").slice(-2).join("/")}
        </span>
      ))}
      {all.length > 3 && <span class="tag">and {all.length - 3} more</span>}
    </span>
  );
}

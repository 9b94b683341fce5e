import type { JSX } from "preact";
import { Badge, Confirm, Empty, Heading, Table, Waiting } from "../parts/basics.tsx";
import { ago, bytes, count, plural } from "../parts/format.ts";
import { act, canAct, canRead, readPath } from "../state/api.ts";
import { useRead } from "../state/use-read.ts";

interface NodeKey {
  readonly id: string;
  readonly name: string;
  readonly rule: string;
  readonly ephemeral: boolean;
  readonly createdAt: number;
  readonly dids: number;
  readonly connected: number;
}

interface Account {
  readonly id: string;
  readonly email: string;
  readonly name: string;
  readonly createdAt: number;
  readonly storedBytes: number;
  readonly keys: readonly { readonly id: string; readonly name: string; readonly createdAt: number }[];
}

/** Who may connect, and which of these keys are in use? */
export function KeysScreen(): JSX.Element {
  return (
    <>
      <Heading title="API keys" question="Who may connect, and which keys are in use?" />
      {canRead("node", "keys") && <NodeKeys />}
      {canRead("skytale", "accounts") && <Accounts />}
    </>
  );
}

function NodeKeys(): JSX.Element {
  const { value, error, reload } = useRead<{ keys: readonly NodeKey[] }>(readPath("node", "keys"));
  if (value === undefined) return <Waiting error={error} />;
  return (
    <section>
      <h2>Node</h2>
      <Table
        caption={`${plural(value.keys.length, "API key")} of the node`}
        rows={value.keys}
        keyOf={({ id }) => id}
        columns={[
          { name: "Name", cell: ({ name }) => name },
          { name: "May bind", cell: ({ rule }) => <code>{rule}</code> },
          { name: "Ephemeral DIDs", cell: ({ ephemeral }) => (ephemeral ? "yes" : "no") },
          { name: "DIDs", isNumber: true, cell: ({ dids }) => count(dids) },
          {
            name: "Connected",
            isNumber: true,
            cell: ({ connected }) => (connected > 0 ? <Badge tone="good">{count(connected)}</Badge> : "0"),
          },
          { name: "Created", cell: ({ createdAt }) => ago(createdAt) },
          { name: "Id", cell: ({ id }) => <code>{id.slice(0, 8)}</code> },
          ...(canAct("node", "revoke-key")
            ? [{ name: "Actions", cell: ({ id }: NodeKey) => <Revoke source="node" id={id} onDone={reload} /> }]
            : []),
        ]}
      />
    </section>
  );
}

function Accounts(): JSX.Element {
  const { value, error, reload } = useRead<{ accounts: readonly Account[]; hasMore: boolean }>(readPath("skytale", "accounts"), 5000);
  if (value === undefined) return <Waiting error={error} />;
  return (
    <section>
      <h2>Skytale accounts</h2>
      {value.accounts.length === 0 && <Empty>There is no account.</Empty>}
      {value.accounts.map(({ id, name, email, createdAt, storedBytes, keys }) => (
        <section key={id} class="card" aria-label={`Account ${name}`}>
          <h3>
            {name} <span class="faint">{email}</span>
          </h3>
          {canAct("skytale", "delete-account") && (
            <Confirm
              label="Delete account"
              question="Delete it with its keys and its channels for good?"
              onYes={async () => {
                await act("skytale", "delete-account", { account: id, channels: "delete" });
                reload();
              }}
            />
          )}
          <p>
            <code>{id}</code>, created {ago(createdAt)}, stores {bytes(storedBytes)}
          </p>
          <Table
            caption={`${plural(keys.length, "API key")} of ${name}`}
            rows={keys}
            keyOf={(key) => key.id}
            columns={[
              { name: "Name", cell: (key) => key.name },
              { name: "Created", cell: (key) => ago(key.createdAt) },
              { name: "Id", cell: (key) => <code>{key.id}</code> },
              ...(canAct("skytale", "revoke-key")
                ? [{ name: "Actions", cell: (key: { id: string }) => <Revoke source="skytale" id={key.id} onDone={reload} /> }]
                : []),
            ]}
          />
        </section>
      ))}
      {value.hasMore && <p class="hint">The first 200 accounts are shown.</p>}
    </section>
  );
}

function Revoke({ source, id, onDone }: { source: string; id: string; onDone: () => void }): JSX.Element {
  return (
    <Confirm
      label="Revoke"
      question="Revoke it for good and end its connections?"
      onYes={async () => {
        await act(source, "revoke-key", { key: id });
        onDone();
      }}
    />
  );
}

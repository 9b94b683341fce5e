import type { JSX } from "preact";
import { Badge, Empty, Heading, Table, Waiting } from "../parts/basics.tsx";
import { Confirm } from "../parts/confirm.tsx";
import { CreateAccountKey, CreateNodeKey } from "../parts/create-key.tsx";
import { ago, bytes, count, keyName, plural } from "../parts/format.ts";
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
  /** Whether the configuration of the node has it, too. */
  readonly configured: boolean;
}

interface AccountKey {
  readonly id: string;
  readonly name: string;
  readonly createdAt: number;
}

interface Account {
  readonly id: string;
  readonly email: string;
  readonly name: string;
  readonly createdAt: number;
  readonly storedBytes: number;
  readonly keys: readonly AccountKey[];
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
      {canAct("node", "create-key") && <CreateNodeKey onDone={reload} />}
      <Table
        caption={`${plural(value.keys.length, "API key")} of the node`}
        rows={value.keys}
        keyOf={({ id }) => id}
        columns={[
          { name: "Name", cell: ({ name, id }) => keyName(name, id) },
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
            ? [{ name: "Actions", cell: (key: NodeKey) => <RevokeNodeKey apiKey={key} onDone={reload} /> }]
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
          <p>
            <code>{id}</code>, created {ago(createdAt)}, stores {bytes(storedBytes)}
          </p>
          <Table
            caption={`${plural(keys.length, "API key")} of ${name}`}
            rows={keys}
            keyOf={(key) => key.id}
            columns={[
              { name: "Name", cell: (key) => keyName(key.name, key.id) },
              { name: "Created", cell: (key) => ago(key.createdAt) },
              { name: "Id", cell: (key) => <code>{key.id}</code> },
              ...(canAct("skytale", "revoke-key")
                ? [{ name: "Actions", cell: (key: AccountKey) => <RevokeAccountKey apiKey={key} owner={name} onDone={reload} /> }]
                : []),
            ]}
          />
          {canAct("skytale", "create-key") && <CreateAccountKey account={{ id, name }} onDone={reload} />}
          {canAct("skytale", "delete-account") && <DeleteAccount account={{ id, name }} keys={keys} onDone={reload} />}
        </section>
      ))}
      {value.hasMore && <p class="hint">The first 200 accounts are shown.</p>}
    </section>
  );
}

function RevokeNodeKey({ apiKey, onDone }: { apiKey: NodeKey; onDone: () => void }): JSX.Element {
  const { id, name, dids, connected, configured } = apiKey;
  const revoke = async (): Promise<void> => {
    await act("node", "revoke-key", { key: id });
    onDone();
  };
  return (
    <Confirm label="Revoke" question={`Revoke the API key ${name}?`} onYes={revoke}>
      <ul class="lost">
        <li>{connected === 0 ? "No connection uses it now." : `${plural(connected, "connection")} of it end now.`}</li>
        <li>{dids === 0 ? "No DID was created with it." : `${plural(dids, "DID")} created with it stay, with their messages.`}</li>
        <li>
          {configured
            ? "The configuration of the node has this key: after a restart it is valid again, unless it is removed there."
            : "The key can't be restored. Agents that have it need another one."}
        </li>
      </ul>
    </Confirm>
  );
}

function RevokeAccountKey({ apiKey, owner, onDone }: { apiKey: AccountKey; owner: string; onDone: () => void }): JSX.Element {
  const revoke = async (): Promise<void> => {
    await act("skytale", "revoke-key", { key: apiKey.id });
    onDone();
  };
  return (
    <Confirm label="Revoke" question={`Revoke the API key ${apiKey.name} of ${owner}?`} onYes={revoke}>
      <p>Its connections end now. The key can't be restored: agents that have it need another one. The account and its channels stay.</p>
    </Confirm>
  );
}

function DeleteAccount({
  account,
  keys,
  onDone,
}: {
  account: { readonly id: string; readonly name: string };
  keys: readonly AccountKey[];
  onDone: () => void;
}): JSX.Element {
  const remove = async (): Promise<void> => {
    await act("skytale", "delete-account", { account: account.id, channels: "delete" });
    onDone();
  };
  return (
    <p>
      <Confirm label="Delete account" question={`Delete the account ${account.name}?`} onYes={remove}>
        <p>Lost permanently:</p>
        <ul class="lost">
          <OwnChannels account={account.id} />
          <li>
            {plural(keys.length, "API key")}: {keys.map(({ name }) => name).join(", ")}
          </li>
          <li>its access to channels of others, with the invites and the access that it gave</li>
        </ul>
      </Confirm>
    </p>
  );
}

const MAX_NAMED = 20;

function OwnChannels({ account }: { account: string }): JSX.Element {
  const { value, error } = useRead<{ owned: readonly string[] }>(readPath("skytale", "account-channels", { account }));
  if (value === undefined) return <li>its channels ({error ?? "reading their names…"})</li>;
  const { owned } = value;
  if (owned.length === 0) return <li>no channel: it owns none</li>;
  const others = owned.length - MAX_NAMED;
  return (
    <li>
      {plural(owned.length, "channel")} with their messages, for all members: {owned.slice(0, MAX_NAMED).join(", ")}
      {others > 0 && ` and ${others} more`}
    </li>
  );
}

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { Field, Heading } from "../parts/basics.tsx";
import { Confirm } from "../parts/confirm.tsx";
import { plural } from "../parts/format.ts";
import { act, canAct, info } from "../state/api.ts";

/** Names of the key files, by server. */
const KEY_FILES: Readonly<
  Record<string, { readonly file: string; readonly action: string; readonly holds: string; readonly keeps: string }>
> = {
  node: { file: "node.key", action: "rotate-node-key", holds: "the private keys of all agents", keeps: "DIDs and API keys" },
  skytale: {
    file: "server.key",
    action: "rotate-server-key",
    holds: "the keys with which the server signs tokens",
    keeps: "API keys and tokens",
  },
};

/** Whether there is anything on {@link MaintenanceScreen}. */
export function canMaintain(): boolean {
  return Object.keys(KEY_FILES).some((source) => canAct(source, "backup"));
}

/** What keeps the servers in order: policies, keys on disk, backups. */
export function MaintenanceScreen(): JSX.Element {
  const sources = info.value?.sources.filter(({ name }) => canAct(name, "backup")) ?? [];
  return (
    <>
      <Heading title="Maintenance" question="What can be renewed or saved while the servers run?" />
      <p class="hint">Each action is a line of the server's log and an event in Messages, with the browser that did it.</p>
      <div class="cards">
        {sources.map(({ name, title }) => (
          <section key={name} class="card" aria-label={title}>
            <h2>{title}</h2>
            {canAct(name, "reload-policies") && <ReloadPolicies />}
            <RotateKey source={name} />
            <Backup source={name} title={title} />
          </section>
        ))}
      </div>
    </>
  );
}

function ReloadPolicies(): JSX.Element {
  const reload = async (): Promise<string> => {
    const { policies } = await act<{ policies: number }>("node", "reload-policies", {});
    return `${plural(policies, "policy is", "policies are")} in force`;
  };
  return (
    <section>
      <h3>Policies</h3>
      <p>Reads the policies of the node's configuration file again.</p>
      <p class="tools">
        <Confirm label="Reload policies" question="Put the policies of the configuration file in force?" isDangerous={false} onYes={reload}>
          <p>
            The new policies decide about each message that is accepted from now on. Messages in inboxes stay. If the file is missing or
            broken, the present policies stay in force.
          </p>
        </Confirm>
      </p>
    </section>
  );
}

function RotateKey({ source }: { source: string }): JSX.Element | null {
  const key = KEY_FILES[source];
  if (key === undefined || !canAct(source, key.action)) return null;
  const { file, action, holds, keeps } = key;
  const rotate = async (): Promise<string> => {
    await act(source, action, {});
    return `${file} is replaced: back it up`;
  };
  return (
    <section>
      <h3>{file}</h3>
      <p>
        The file encrypts {holds} in the data directory. Replace it if somebody may have read it. {keeps} stay as they are.
      </p>
      <p class="tools">
        <Confirm label={`Replace ${file}`} question={`Replace ${file}?`} onYes={rotate}>
          <ul class="lost">
            <li>Encrypts {holds} again with a new key, and replaces the file. The server keeps running.</li>
            <li>Earlier backups need the {file} that they have: keep it with them.</li>
            <li>Whoever has a copy of the data directory and the former file can still read that copy.</li>
          </ul>
        </Confirm>
      </p>
    </section>
  );
}

function Backup({ source, title }: { source: string; title: string }): JSX.Element {
  const [directory, setDirectory] = useState("");
  const target = directory.trim();
  const backUp = async (): Promise<string> => {
    await act(source, "backup", { directory: target });
    return `Backed up to ${target}`;
  };
  return (
    <section>
      <h3>Backup</h3>
      <p>Copies the data of one moment, with its key, and checks the copy. The server keeps running.</p>
      <Field
        label={`Directory for the ${title}`}
        value={directory}
        onInput={setDirectory}
        placeholder={`/backups/${source}-2026-12-01`}
        hint="An absolute path on the machine of the server; new or empty"
      />
      <p class="tools">
        <Confirm
          label="Back up"
          question={`Back up the ${title} to ${target}?`}
          isDangerous={false}
          isDisabled={target === ""}
          onYes={backUp}
        >
          <p>The directory gets all messages and private keys, with the key that opens them. Keep it like a password.</p>
        </Confirm>
      </p>
    </section>
  );
}

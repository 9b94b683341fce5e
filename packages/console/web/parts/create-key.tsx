import type { ComponentChildren, JSX } from "preact";
import { useState } from "preact/hooks";
import { Copy, Field } from "./basics.tsx";
import { Confirm } from "./confirm.tsx";
import { act } from "../state/api.ts";
import { makeKey, makeKeyId } from "../state/new-key.ts";

/** A key that is shown until it is put away. */
interface Shown {
  readonly name: string;
  readonly key: string;
}

/** Creates an API key of a node: the page makes it, and sends its hash. */
export function CreateNodeKey({ onDone }: { onDone: () => void }): JSX.Element {
  const [name, setName] = useState("");
  const [dids, setDids] = useState("");
  const [isForAll, setForAll] = useState(false);
  const [isEphemeral, setEphemeral] = useState(true);
  const [shown, setShown] = useState<Shown>();
  const rule = isForAll ? "any" : dids.trim();
  const create = async (): Promise<void> => {
    const { key, hash } = await makeKey("l8_");
    await act("node", "create-key", { hash, dids: rule, ephemeral: String(isEphemeral), ...(name.trim() !== "" && { name: name.trim() }) });
    setShown({ name: name.trim() || "without a name", key });
    onDone();
  };
  return (
    <Panel summary="Create an API key of the node" shown={shown} onHide={() => setShown(undefined)}>
      <div class="form">
        <Field label="Name of the node key" value={name} onInput={setName} placeholder="shop agents" />
        {!isForAll && (
          <Field
            label="DIDs that it may use"
            value={dids}
            onInput={setDids}
            placeholder="did:web:example.com:shop"
            hint="DIDs, or prefixes such as did:web:example.com:shop:*, with spaces between them"
          />
        )}
      </div>
      <p class="tools">
        <Check label="Any DID" isOn={isForAll} onChange={setForAll} />
        <Check label="The node may assign it a DID for each connection" isOn={isEphemeral} onChange={setEphemeral} />
      </p>
      <Confirm
        label="Create key"
        question={`Create an API key for ${isForAll ? "any DID" : rule}?`}
        isDangerous={false}
        isDisabled={rule === ""}
        onYes={create}
      >
        <p>
          An agent with it can connect as {isForAll ? "every agent of this node" : "these DIDs"}, read their messages and send in their
          name. The page makes the key and shows it once; the node gets its hash only.
        </p>
      </Confirm>
    </Panel>
  );
}

/** Creates an API key of an account of the skytale server. */
export function CreateAccountKey({ account, onDone }: { account: { id: string; name: string }; onDone: () => void }): JSX.Element {
  const [name, setName] = useState("");
  const [isTest, setTest] = useState(false);
  const [shown, setShown] = useState<Shown>();
  const create = async (): Promise<void> => {
    const mode = isTest ? "test" : "live";
    const id = makeKeyId();
    const { key, hash } = await makeKey(`sk_${mode}_${id}`);
    await act("skytale", "create-key", { account: account.id, key: id, hash, mode, ...(name.trim() !== "" && { name: name.trim() }) });
    setShown({ name: name.trim() || id, key });
    onDone();
  };
  return (
    <Panel summary={`Create an API key of ${account.name}`} shown={shown} onHide={() => setShown(undefined)}>
      <div class="form">
        <Field label={`Name of the key of ${account.name}`} value={name} onInput={setName} placeholder="night jobs" />
      </div>
      <p class="tools">
        <Check label="Test key" isOn={isTest} onChange={setTest} />
      </p>
      <Confirm label="Create key" question={`Create an API key of ${account.name}?`} isDangerous={false} onYes={create}>
        <p>
          An agent with it acts as this account: it creates channels, invites and joins. The page makes the key and shows it once; the
          server gets its hash only.
        </p>
      </Confirm>
    </Panel>
  );
}

function Panel({
  summary,
  shown,
  onHide,
  children,
}: {
  summary: string;
  shown: Shown | undefined;
  onHide: () => void;
  children: ComponentChildren;
}): JSX.Element {
  return (
    <details class="panel">
      <summary>{summary}</summary>
      {children}
      {shown !== undefined && (
        <section class="notice good" role="status" aria-label={`The new key ${shown.name}`}>
          <p>
            The key <strong>{shown.name}</strong>. It is shown this once: the server has its hash only.
          </p>
          <code class="secret">{shown.key}</code>
          <p class="tools">
            <Copy text={shown.key} label="Copy the key" />
            <button type="button" class="small" onClick={onHide}>
              Hide the key
            </button>
          </p>
        </section>
      )}
    </details>
  );
}

function Check({ label, isOn, onChange }: { label: string; isOn: boolean; onChange: (isOn: boolean) => void }): JSX.Element {
  return (
    <label class="check">
      <input type="checkbox" checked={isOn} onChange={(event) => onChange(event.currentTarget.checked)} />
      {label}
    </label>
  );
}

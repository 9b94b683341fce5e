import type { JSX } from "preact";
import { plural } from "./format.ts";
import { Waiting } from "./basics.tsx";
import { Confirm } from "./confirm.tsx";
import { act, canAct, readPath } from "../state/api.ts";
import { useRead } from "../state/use-read.ts";

interface Loss {
  readonly isConnected: boolean;
  readonly key?: string;
  readonly waiting: number;
  readonly toOtherNodes: number;
  readonly deadLetters?: number;
  readonly inbox: readonly { readonly from?: string }[];
}

const MAX_NAMED = 5;

/** Deletes an agent, if the console may. */
export function DeleteAgent({ did, label = "Delete", onDone }: { did: string; label?: string; onDone: () => void }): JSX.Element | null {
  if (!canAct("node", "delete-agent")) return null;
  const remove = async (): Promise<void> => {
    await act("node", "delete-agent", { did });
    onDone();
  };
  return (
    <Confirm label={label} question={`Delete ${did}?`} onYes={remove}>
      <WhatIsLost did={did} />
    </Confirm>
  );
}

function WhatIsLost({ did }: { did: string }): JSX.Element {
  const { value, error } = useRead<Loss>(readPath("node", "agent", { did }));
  if (value === undefined) return <Waiting error={error} />;
  const { isConnected, key, waiting, toOtherNodes, deadLetters = 0, inbox } = value;
  const senders = [...new Set(inbox.flatMap(({ from }) => from ?? []))];
  const named = senders.slice(0, MAX_NAMED).join(", ");
  return (
    <>
      <p>Lost permanently:</p>
      <ul class="lost">
        <li>its private keys: messages that were encrypted for it can never be opened</li>
        {waiting > 0 && (
          <li>
            {`${plural(waiting, "waiting message")}${named === "" ? "" : ` from ${named}`}`}
            {senders.length > MAX_NAMED && ` and ${plural(senders.length - MAX_NAMED, "other sender")}`}: each sender gets a problem report
          </li>
        )}
        {toOtherNodes > 0 && <li>{plural(toOtherNodes, "message")} of it that wait for other nodes</li>}
        {deadLetters > 0 && <li>{plural(deadLetters, "dead letter")}</li>}
        <li>its stored credentials</li>
        {isConnected && <li>its connections, which end now</li>}
      </ul>
      {key !== undefined && <p class="hint">An agent with the API key “{key}” can create the DID again, with other keys.</p>}
    </>
  );
}

import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Badge, Did, Empty, Table, Waiting } from "../parts/basics.tsx";
import { Confirm } from "../parts/confirm.tsx";
import { ago, bytes, count, plural, shortType } from "../parts/format.ts";
import { act, canAct, readPath } from "../state/api.ts";
import { linkTo } from "../state/router.ts";
import { useRead } from "../state/use-read.ts";

/** A message that waits for another node. */
export interface OutboundRow {
  readonly sender: string;
  readonly recipient: string;
  readonly seq: number;
  readonly id?: string;
  readonly type?: string;
  readonly length: number;
  readonly expiresAt: number;
  readonly isBeingSent: boolean;
}

interface PairProps {
  readonly sender: string;
  readonly recipient: string;
  readonly waiting: number;
}

/** The number of messages of a pair, which opens their list. */
export function OutboundPair(pair: PairProps): JSX.Element {
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      <button type="button" class="link" onClick={() => setOpen(true)}>
        {count(pair.waiting)}
      </button>
      {isOpen && <OutboundList {...pair} onClose={() => setOpen(false)} />}
    </>
  );
}

function OutboundList({ sender, recipient, onClose }: PairProps & { onClose: () => void }): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  const { value, error, reload } = useRead<{ messages: readonly OutboundRow[] }>(
    readPath("node", "outbound", { from: sender, to: recipient }),
  );
  return (
    <dialog ref={dialog} class="list-dialog" aria-label="Messages that wait for another node" onClose={onClose}>
      <h2>Messages that wait for another node</h2>
      <p>
        <Did did={sender} /> → <Did did={recipient} />
      </p>
      {value === undefined && <Waiting error={error} />}
      {value?.messages.length === 0 && <Empty>None of them waits any more.</Empty>}
      {value !== undefined && value.messages.length > 0 && (
        <Table
          caption="The oldest first"
          rows={value.messages}
          keyOf={({ seq }) => String(seq)}
          columns={[
            { name: "No.", isNumber: true, cell: ({ seq }) => seq },
            {
              name: "Type",
              cell: ({ id, type = "" }) => (id === undefined ? "damaged record" : <a href={linkTo("thread", id)}>{shortType(type)}</a>),
            },
            { name: "Expires", cell: ({ expiresAt }) => ago(expiresAt) },
            { name: "Size", isNumber: true, cell: ({ length }) => bytes(length) },
            {
              name: "State",
              cell: ({ isBeingSent }) => (isBeingSent ? <Badge tone="good">is being sent</Badge> : <Badge tone="plain">waits</Badge>),
            },
            ...(canAct("node", "purge-outbound")
              ? [{ name: "Actions", cell: (message: OutboundRow) => <PurgeOutbound message={message} onDone={reload} /> }]
              : []),
          ]}
        />
      )}
      <form method="dialog" class="tools">
        <button type="submit">Close</button>
      </form>
    </dialog>
  );
}

/** Removes one message that waits for another node. */
export function PurgeOutbound({ message, onDone }: { message: OutboundRow; onDone: () => void }): JSX.Element | null {
  if (!canAct("node", "purge-outbound")) return null;
  const { sender, recipient, seq, id = "with a damaged record", type = "" } = message;
  const purge = async (): Promise<void> => {
    await act("node", "purge-outbound", { from: sender, to: recipient, seq: String(seq) });
    onDone();
  };
  return (
    <Confirm label="Purge" question={`Remove ${shortType(type)} for ${recipient}?`} onYes={purge}>
      <p>
        The message {id} can't be restored. {sender} gets a problem report for it (<code>e.p.xfer.undeliverable</code>).
      </p>
    </Confirm>
  );
}

/** Removes all messages of a pair. */
export function PurgePair({ sender, recipient, waiting, onDone }: PairProps & { onDone: () => void }): JSX.Element {
  const purge = async (): Promise<string> => {
    const { purged } = await act<{ purged: number }>("node", "purge-outbound", { from: sender, to: recipient });
    onDone();
    return `${plural(purged, "message")} purged`;
  };
  return (
    <Confirm label="Purge all" question={`Remove all messages for ${recipient}?`} onYes={purge}>
      <p>
        {plural(waiting, "message")} of {sender} can't be restored. It gets a problem report for each (<code>e.p.xfer.undeliverable</code>).
        A message that is in a request to the other node at this moment stays.
      </p>
    </Confirm>
  );
}

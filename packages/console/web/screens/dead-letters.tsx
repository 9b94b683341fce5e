import type { JSX } from "preact";
import { Badge, Did, Empty, Table, Waiting } from "../parts/basics.tsx";
import { Confirm } from "../parts/confirm.tsx";
import { ago, plural, shortType } from "../parts/format.ts";
import { act, canAct, canRead, readPath } from "../state/api.ts";
import { linkTo } from "../state/router.ts";
import { useRead } from "../state/use-read.ts";
import { type Letter, LetterActions } from "./message-actions.tsx";

interface Letters {
  readonly isKept: boolean;
  readonly total?: number;
  readonly deadLetters: readonly Letter[];
}

/** Which messages failed permanently, of one agent or of all? Replays and purges them. */
export function DeadLetters({ did = "" }: { did?: string }): JSX.Element | null {
  return canRead("node", "dead-letters") ? <Section did={did} /> : null;
}

function Section({ did }: { did: string }): JSX.Element {
  const { value, error, reload } = useRead<Letters>(readPath("node", "dead-letters", { did }));
  return (
    <section>
      <h2>Dead letters</h2>
      {value === undefined && <Waiting error={error} />}
      {value?.isKept === false && <Empty>This node keeps no failed messages: start it with --dead-letters.</Empty>}
      {value?.isKept === true && value.deadLetters.length === 0 && <Empty>No message has failed permanently.</Empty>}
      {value !== undefined && value.deadLetters.length > 0 && (
        <>
          {did !== "" && <PurgeAll did={did} total={value.total ?? 0} onDone={reload} />}
          <Table
            caption={`The latest of ${plural(value.total ?? 0, "dead letter")}`}
            rows={value.deadLetters}
            keyOf={({ id }) => String(id)}
            columns={[
              { name: "Failed", cell: ({ failedAt }) => ago(failedAt) },
              { name: "Code", cell: ({ code }) => <Badge tone="bad">{code}</Badge> },
              { name: "Reason", isWide: true, cell: ({ reason }) => reason },
              {
                name: "Type",
                cell: ({ type, thread, messageId }) => <a href={linkTo("thread", thread ?? messageId)}>{shortType(type)}</a>,
              },
              {
                name: "From → to",
                cell: ({ from, to }) => (
                  <>
                    {from !== undefined && (
                      <>
                        <Did did={from} length={28} /> →
                        <br />
                      </>
                    )}
                    <Did did={to} length={28} />
                  </>
                ),
              },
              ...(canAct("node", "replay-dead-letter")
                ? [{ name: "Actions", cell: (letter: Letter) => <LetterActions letter={letter} onDone={reload} /> }]
                : []),
            ]}
          />
        </>
      )}
    </section>
  );
}

function PurgeAll({ did, total, onDone }: { did: string; total: number; onDone: () => void }): JSX.Element | null {
  if (!canAct("node", "purge-dead-letters")) return null;
  const purge = async (): Promise<string> => {
    const { purged } = await act<{ purged: number }>("node", "purge-dead-letters", { did });
    onDone();
    return `${plural(purged, "dead letter")} purged`;
  };
  return (
    <p>
      <Confirm label="Purge all" question={`Remove all dead letters of ${did}?`} onYes={purge}>
        <p>{plural(total, "message")} of it that failed permanently can't be restored. Their senders got their reports when they failed.</p>
      </Confirm>
    </p>
  );
}

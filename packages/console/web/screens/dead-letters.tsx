import type { JSX } from "preact";
import { Badge, Confirm, Did, Empty, Table, Waiting } from "../parts/basics.tsx";
import { ago, plural, shortType } from "../parts/format.ts";
import { act, canAct, canRead, readPath } from "../state/api.ts";
import { linkTo } from "../state/router.ts";
import { useRead } from "../state/use-read.ts";

interface Letter {
  readonly id: number;
  readonly direction: "inbound" | "outbound";
  readonly code: string;
  readonly reason: string;
  readonly failedAt: number;
  readonly messageId: string;
  readonly type: string;
  readonly from?: string;
  readonly to: string;
  readonly thread?: string;
}

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
  const done = async (action: string, parameters: Record<string, string>): Promise<void> => {
    await act("node", action, parameters);
    reload();
  };
  return (
    <section>
      <h2>Dead letters</h2>
      {value === undefined && <Waiting error={error} />}
      {value?.isKept === false && <Empty>This node keeps no failed messages: start it with --dead-letters.</Empty>}
      {value?.isKept === true && value.deadLetters.length === 0 && <Empty>No message has failed permanently.</Empty>}
      {value !== undefined && value.deadLetters.length > 0 && (
        <Table
          caption={`The latest of ${plural(value.total ?? 0, "dead letter")}`}
          rows={value.deadLetters}
          keyOf={({ id }) => String(id)}
          columns={[
            { name: "Failed", cell: ({ failedAt }) => ago(failedAt) },
            { name: "Code", cell: ({ code }) => <Badge tone="bad">{code}</Badge> },
            { name: "Reason", cell: ({ reason }) => reason },
            { name: "Type", cell: ({ type, thread, messageId }) => <a href={linkTo("thread", thread ?? messageId)}>{shortType(type)}</a> },
            { name: "From", cell: ({ from }) => (from === undefined ? "" : <Did did={from} length={32} />) },
            { name: "To", cell: ({ to }) => <Did did={to} length={32} /> },
            ...(canAct("node", "replay-dead-letter")
              ? [
                  {
                    name: "Actions",
                    cell: ({ id }: Letter) => (
                      <span class="tools">
                        <Confirm label="Replay" question="Send it again?" onYes={() => done("replay-dead-letter", { id: String(id) })} />
                        <Confirm label="Purge" question="Remove it for good?" onYes={() => done("purge-dead-letter", { id: String(id) })} />
                      </span>
                    ),
                  },
                ]
              : []),
          ]}
        />
      )}
    </section>
  );
}

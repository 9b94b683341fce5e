import type { JSX } from "preact";
import { Badge, Did, Empty, Field, Figure, Heading, Json, Problem, Table, Waiting } from "../parts/basics.tsx";
import { ago, bytes, count, duration } from "../parts/format.ts";
import { canAct, canRead, readPath } from "../state/api.ts";
import { goTo, place } from "../state/router.ts";
import { useRead } from "../state/use-read.ts";
import { useState } from "preact/hooks";
import { OutboundPair, PurgePair } from "./outbound.tsx";

interface Pair {
  readonly sender: string;
  readonly recipient: string;
  readonly waiting: number;
  readonly failures: number;
  readonly reason?: string;
}

interface Federation {
  readonly messages: number;
  readonly length: number;
  readonly blocked: number;
  readonly hosts: readonly { host: string; isOpen: boolean; active: number; waiting: number; nextProbeInMs?: number }[];
  readonly pairs: readonly Pair[];
  readonly histories: readonly {
    host: string;
    sent: number;
    failed: number;
    lastSentAt?: number;
    lastFailureAt?: number;
    lastFailure?: string;
  }[];
}

/** Which partner is slow, since when, what waits, when is the next try? */
export function FederationScreen(): JSX.Element {
  const { value, error, reload } = useRead<Federation>(readPath("node", "federation"));
  return (
    <>
      <Heading title="Federation" question="Which partner is slow, since when, what waits, and when is the next try?" />
      {value === undefined ? <Waiting error={error} /> : <Tables value={value} reload={reload} />}
      <Resolve />
    </>
  );
}

function Tables({ value, reload }: { value: Federation; reload: () => void }): JSX.Element {
  return (
    <>
      <div class="figures">
        <Figure name="Messages waiting" value={count(value.messages)} />
        <Figure name="Their size" value={bytes(value.length)} />
        <Figure name="Blocked pairs" value={count(value.blocked)} tone={value.blocked > 0 ? "bad" : "plain"} />
      </div>
      {value.histories.length + value.hosts.length === 0 ? (
        <Empty>No message has gone to another node since the start.</Empty>
      ) : (
        <>
          {value.hosts.length > 0 && (
            <Table
              caption="Hosts"
              rows={value.hosts}
              keyOf={({ host }) => host}
              columns={[
                { name: "Host", cell: ({ host }) => <code>{host}</code> },
                {
                  name: "State",
                  cell: ({ isOpen }) => (isOpen ? <Badge tone="bad">does not answer</Badge> : <Badge tone="good">answers</Badge>),
                },
                {
                  name: "Next try",
                  cell: ({ nextProbeInMs, isOpen }) =>
                    isOpen && value.messages > 0 ? `in ${duration(nextProbeInMs)}` : "with the next message",
                },
                { name: "In flight", isNumber: true, cell: ({ active }) => count(active) },
                { name: "Waiting", isNumber: true, cell: ({ waiting }) => count(waiting) },
              ]}
            />
          )}
          <Table
            caption="Since the start, by host of the recipients"
            rows={value.histories}
            keyOf={({ host }) => host}
            columns={[
              { name: "Host", cell: ({ host }) => <code>{host}</code> },
              { name: "Sent", isNumber: true, cell: ({ sent }) => count(sent) },
              { name: "Last sent", cell: ({ lastSentAt }) => ago(lastSentAt) },
              {
                name: "Failed tries",
                isNumber: true,
                cell: ({ failed }) => (failed > 0 ? <Badge tone="warning">{count(failed)}</Badge> : "0"),
              },
              {
                name: "Last failure",
                cell: ({ lastFailureAt, lastFailure }) => (lastFailure === undefined ? "" : `${ago(lastFailureAt)}: ${lastFailure}`),
              },
            ]}
          />
        </>
      )}
      {value.pairs.length > 0 && (
        <Table
          caption="Waiting, by sender and recipient"
          rows={value.pairs}
          keyOf={({ sender, recipient }) => `${sender} ${recipient}`}
          columns={[
            { name: "From", cell: ({ sender }) => <Did did={sender} /> },
            { name: "To", cell: ({ recipient }) => <Did did={recipient} /> },
            {
              name: "Messages",
              isNumber: true,
              cell: (pair) => (canRead("node", "outbound") ? <OutboundPair {...pair} /> : count(pair.waiting)),
            },
            { name: "Failed tries of the first", isNumber: true, cell: ({ failures }) => count(failures) },
            { name: "Why", cell: ({ reason }) => reason ?? "" },
            ...(canAct("node", "purge-outbound")
              ? [{ name: "Actions", cell: (pair: Pair) => <PurgePair {...pair} onDone={reload} /> }]
              : []),
          ]}
        />
      )}
    </>
  );
}

function Resolve(): JSX.Element {
  const did = place.value.subject;
  const [text, setText] = useState(did);
  const { value, error } = useRead<{ isHosted: boolean; document?: unknown; error?: string }>(
    did === "" ? "" : readPath("node", "resolve", { did }),
    60_000,
  );
  return (
    <section>
      <h2>Resolve a DID as this node does</h2>
      <form
        class="form"
        onSubmit={(event) => {
          event.preventDefault();
          goTo("federation", text.trim());
        }}
      >
        <Field label="DID" value={text} onInput={setText} placeholder="did:web:partner.example" />
        <button type="submit">Resolve</button>
      </form>
      {did !== "" && value === undefined && <Waiting error={error} />}
      {value?.error !== undefined && <Problem text={value.error} />}
      {value?.document !== undefined && (
        <>
          <p>{value.isHosted ? "This node hosts it." : "Another node hosts it."}</p>
          <Json value={value.document} label="DID document" />
        </>
      )}
    </section>
  );
}

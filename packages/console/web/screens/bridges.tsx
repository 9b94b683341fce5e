import type { JSX } from "preact";
import type { SeenBridge } from "@parley/admin";
import { Badge, Copy, Empty, Figure, Heading, Table, Waiting } from "../parts/basics.tsx";
import { ago, count, type Tone } from "../parts/format.ts";
import { Lenses, NoLens } from "../parts/lenses.tsx";
import { useBridges } from "../state/lens.ts";
import { Tools } from "./tools.tsx";

const STATES: Readonly<Record<string, Tone>> = { running: "good", stopped: "plain", ended: "bad" };

/** What became of messages, and how each number is marked if it isn't 0. */
const COUNTERS: readonly (readonly [name: string, title: string, tone: Tone])[] = [
  ["received", "Received", "plain"],
  ["forwarded", "Translated", "plain"],
  ["answered", "Answered", "plain"],
  ["pending", "Pending", "warning"],
  ["refused", "Refused", "bad"],
  ["failed", "Rejected by the target", "bad"],
  ["retried", "Retried", "warning"],
  ["looped", "Been there already", "plain"],
  ["ignored", "Not for this bridge", "plain"],
];

/** What a code means, and what helps. */
const MEANINGS: Readonly<Record<string, string>> = {
  message_invalid: "The message is malformed. Correct its sender.",
  message_too_large: "The message or its translation exceeds a limit. Send a link instead, or raise maxMessageBytes.",
  untranslatable: "The target's protocol cannot express the message.",
  trace_invalid: "The message's record of bridges is malformed.",
  too_many_hops: "The message has crossed too many bridges: look for a loop, or raise maxHops.",
  sender_mismatch: "A party sent a message in another party's MCP session.",
  not_taken: "The target rejected the message for good; the reason is the target's.",
  not_settled: "The message is done and will be delivered again, without effect.",
  waiting: "The target rejects messages for now, or no MCP server answers. The bridge tries again.",
  session_ended: "The MCP server ended the session. The bridge opens a new one.",
  port_ended: "A channel was closed or failed, and with it the bridge. Start it again.",
};

/** What became of a message on the other side of a bridge? */
export function BridgesScreen(): JSX.Element {
  const { value, error } = useBridges();
  return (
    <>
      <Heading title="Bridges" question="What did a bridge translate, refuse, or leave out, what is pending, and which tools does it call?">
        <Copy text={() => JSON.stringify(value, undefined, 2)} label="Copy for a bug report" />
      </Heading>
      {value === undefined && <Waiting error={error} />}
      {value !== undefined && value.bridges.length === 0 && <NoLens what="bridges" />}
      {value !== undefined && value.bridges.length > 0 && (
        <>
          <Lenses lenses={value.lenses} />
          {value.bridges.map((bridge) => (
            <Bridge key={`${bridge.lens} ${bridge.source} ${bridge.target} ${bridge.startedAt}`} bridge={bridge} />
          ))}
        </>
      )}
    </>
  );
}

function Bridge({ bridge }: { bridge: SeenBridge }): JSX.Element {
  const { source, target, sourceProtocol, targetProtocol, status, startedAt, counters, problems, lens } = bridge;
  const last = problems.at(-1);
  return (
    <section class="card" aria-label={`${source} to ${target}`}>
      <h2>
        {source} <span class="tag">{sourceProtocol}</span> → {target} <span class="tag">{targetProtocol}</span>{" "}
        <Badge tone={STATES[status] ?? "plain"}>{status}</Badge>
      </h2>
      <p class="faint">
        {lens}, started {ago(startedAt)}
      </p>
      {status === "ended" && <p class="notice bad">The bridge has ended: {last?.reason ?? "a port was closed"}</p>}
      <div class="figures">
        {COUNTERS.map(([name, title, tone]) => {
          const value = counters[name] ?? 0;
          return <Figure key={name} name={title} value={count(value)} tone={value > 0 ? tone : "plain"} />;
        })}
      </div>
      {problems.length === 0 ? (
        <Empty>Nothing was refused, and nothing waits.</Empty>
      ) : (
        <Table
          caption="Latest problems, newest first"
          rows={problems.map((problem, index) => ({ ...problem, index })).toReversed()}
          keyOf={({ index }) => String(index)}
          columns={[
            { name: "When", cell: ({ time }) => ago(time) },
            { name: "Code", cell: ({ code }) => <code>{code}</code> },
            {
              name: "Why, and what helps",
              cell: ({ code, reason }) => (
                <>
                  {reason}
                  <br />
                  <span class="faint">{MEANINGS[code] ?? ""}</span>
                </>
              ),
            },
          ]}
        />
      )}
      <Tools bridge={bridge} />
    </section>
  );
}

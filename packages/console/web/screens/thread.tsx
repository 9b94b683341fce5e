import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { ShownEntry } from "@parley/admin";
import { Badge, Copy, Did, Empty, Facts, Heading, Json, Problem, Table, Waiting } from "../parts/basics.tsx";
import { clock, duration, eventName, isLost, shortDid, shorten, shortType, toneOf } from "../parts/format.ts";
import { call, canAct, info } from "../state/api.ts";
import { linkTo, place } from "../state/router.ts";
import { useRead } from "../state/use-read.ts";
import { detailsOf } from "./agent.tsx";
import { canFindMessages, MessageState } from "./message-actions.tsx";

/** A pause longer than this is cut out of the picture, in milliseconds. */
const MAX_PAUSE_MS = 2000;
const [LANE_WIDTH, ROW_HEIGHT, TOP] = [190, 34, 44];

/** Where did it stop, and why? */
export function ThreadScreen(): JSX.Element {
  const id = place.value.subject;
  const { value, error } = useRead<readonly ShownEntry[]>(`thread?${new URLSearchParams({ id })}`);
  const [seq, setSeq] = useState<number | undefined>(undefined);
  if (value === undefined) return <Waiting error={error} />;
  const events = inOrder(value);
  const chosen = value.find((event) => event.seq === seq);
  const bodyOwner = chosen === undefined ? undefined : value.find((event) => event.hasBody && event.id === chosen.id);
  return (
    <>
      <Heading title="Thread" question="Where did it stop, and why?">
        <Copy text={() => JSON.stringify(value, undefined, 2)} label="Copy for a bug report" />
      </Heading>
      <p class="subject mono">{id}</p>
      {value.length === 0 ? (
        <Empty>The journal has no event of this thread. It keeps the latest 20,000 events since the start of the server.</Empty>
      ) : (
        <>
          <Conclusion events={events} />
          <Lanes events={events} chosen={seq} onChoose={setSeq} />
          {chosen !== undefined && <Details event={chosen} bodyOf={bodyOwner?.seq} />}
          <Table
            caption="All events of the thread"
            rows={events}
            keyOf={(event) => String(event.seq)}
            columns={[
              { name: "Time", cell: (event) => <span class="mono">{clock(event.time)}</span> },
              { name: "Event", cell: (event) => <Badge tone={toneOf(event)}>{eventName(event)}</Badge> },
              {
                name: "Message",
                cell: (event) => (
                  <button type="button" class="link" onClick={() => setSeq(event.seq)}>
                    {shortType(event.type ?? event.id ?? "")}
                  </button>
                ),
              },
              { name: "From", cell: ({ from, did }) => <Did did={from ?? did} length={30} /> },
              { name: "To", cell: ({ to }) => (to === undefined ? "" : <Did did={to[0]} length={30} />) },
              { name: "Details", cell: (event) => detailsOf({ ...event, did: undefined }) },
            ]}
          />
        </>
      )}
    </>
  );
}

/** A message is delivered while it is being stored, and recorded as accepted afterwards. It is shown where and when it began. */
function inOrder(events: readonly ShownEntry[]): readonly ShownEntry[] {
  const first = new Map<string, ShownEntry>();
  for (const event of events) if (event.id !== undefined && !first.has(event.id)) first.set(event.id, event);
  const ranked = events.map((event) => {
    const begin = event.kind.endsWith("accepted") && event.id !== undefined ? first.get(event.id) : undefined;
    return begin === undefined || begin === event
      ? { event, rank: event.seq }
      : { event: { ...event, time: begin.time }, rank: begin.seq - 0.5 };
  });
  return ranked.toSorted((one, other) => one.rank - other.rank).map(({ event }) => event);
}

/** The state of the last message, in words. */
function Conclusion({ events }: { events: readonly ShownEntry[] }): JSX.Element {
  const failure = events.findLast((event) => toneOf(event) === "bad");
  const last = events.findLast((event) => !isLost(event));
  const ids = new Set(events.flatMap(({ id }) => id ?? []));
  const settled = new Set(events.flatMap(({ kind, id }) => (kind === "settled" || kind === "remote-sent" ? (id ?? []) : [])));
  if (failure !== undefined) {
    return (
      <p class="notice bad">
        {eventName(failure)}: {failure.reason ?? failure.meaning ?? failure.code}. <Lost events={events} />
        {failure.code !== undefined && <a href={linkTo("problems", failure.code)}>What {failure.code} means</a>}
      </p>
    );
  }
  if ([...ids].every((id) => settled.has(id))) return <p class="notice good">Every message of the thread was acknowledged.</p>;
  const waitsFor = last?.kind === "delivered" ? "its acknowledgement" : "its delivery";
  return (
    <p class="notice warning">
      The last event is “{last === undefined ? "" : eventName(last)}”: the message waits for {waitsFor} at {last?.to?.join(", ")}.{" "}
      <Lost events={events} />
    </p>
  );
}

/** Which agent has lost its connection in the middle. */
function Lost({ events }: { events: readonly ShownEntry[] }): JSX.Element | null {
  const lost = events.findLast(isLost);
  if (lost === undefined) return null;
  return (
    <>
      The connection of <Did did={lost.did} length={80} /> was lost before it had acknowledged its message: its agent was killed or lost its
      network.{" "}
    </>
  );
}

interface Arrow {
  readonly event: ShownEntry;
  readonly from: number;
  readonly to: number;
  /** Time cut out before it, in milliseconds. */
  readonly pause: number;
  readonly since: number;
}

/** The lanes of agents and server, and between which two an event is. */
function layOut(events: readonly ShownEntry[]): { lanes: readonly string[]; arrows: readonly Arrow[] } {
  const dids = new Set<string>();
  for (const { from, to = [] } of events) for (const did of [from, ...to]) if (did !== undefined) dids.add(did);
  const [first = "", ...others] = dids;
  const lanes = [first, "node", ...others];
  const lane = (did: string | undefined): number => Math.max(1, did === undefined ? 1 : lanes.indexOf(did));
  const laneOf = (did: string | undefined): number => (did === first ? 0 : lane(did));
  const start = events[0]?.time ?? 0;
  const arrows = events.map((event, index) => {
    const before = events[index - 1]?.time ?? event.time;
    const pause = event.time - before > MAX_PAUSE_MS ? event.time - before : 0;
    const [sender, recipient] = [laneOf(event.from), laneOf(event.to?.[0])];
    switch (event.kind) {
      case "delivered":
      case "remote-sent":
        return { event, from: 1, to: recipient, pause, since: event.time - start };
      case "settled":
        return { event, from: recipient, to: 1, pause, since: event.time - start };
      case "left":
        return { event, from: laneOf(event.did), to: laneOf(event.did), pause, since: event.time - start };
      case "dead":
      case "remote-dead":
      case "remote-retry":
        return { event, from: 1, to: 1, pause, since: event.time - start };
      default:
        return { event, from: sender, to: 1, pause, since: event.time - start };
    }
  });
  return { lanes, arrows };
}

function Lanes({
  events,
  chosen,
  onChoose,
}: {
  events: readonly ShownEntry[];
  chosen: number | undefined;
  onChoose: (seq: number) => void;
}): JSX.Element {
  const { lanes, arrows } = layOut(events.slice(0, 200));
  const width = 90 + lanes.length * LANE_WIDTH;
  const x = (lane: number): number => 90 + lane * LANE_WIDTH + LANE_WIDTH / 2;
  let y = TOP;
  const placed = arrows.map((arrow) => {
    y += ROW_HEIGHT + (arrow.pause > 0 ? 18 : 0);
    return { ...arrow, y };
  });
  return (
    <div class="scroller lanes" tabIndex={0} role="region" aria-label="Lanes of agents and node">
      <svg width={width} height={y + 24} role="group" aria-label="The way of each message. The table below has the same events.">
        {lanes.map((lane, index) => (
          <g key={lane}>
            <line class="lane" x1={x(index)} x2={x(index)} y1={30} y2={y + 14} />
            <text class="lane-name" x={x(index)} y={20} text-anchor="middle">
              <title>{lane}</title>
              {shorten(shortDid(lane), 24)}
            </text>
          </g>
        ))}
        {placed.map(({ event, from, to, pause, since, y: at }) => (
          <g key={event.seq} class={`arrow ${toneOf(event)} ${event.seq === chosen ? "chosen" : ""}`} onClick={() => onChoose(event.seq)}>
            {pause > 0 && (
              <text class="pause" x={10} y={at - 22}>
                {duration(pause)} later
              </text>
            )}
            <text class="since" x={80} y={at + 4} text-anchor="end">
              +{duration(since)}
            </text>
            {from === to ? (
              <rect x={x(from) - 5} y={at - 5} width={10} height={10} />
            ) : (
              <>
                <line x1={x(from)} x2={x(to)} y1={at} y2={at} />
                <polygon points={head(x(to), at, to > from)} />
              </>
            )}
            <text
              class="event-name"
              x={from === to ? x(from) + 12 : (x(from) + x(to)) / 2}
              y={from === to ? at + 4 : at - 6}
              text-anchor={from === to ? "start" : "middle"}
            >
              {eventName(event)} {(event.type ?? "").split("/").at(-1)}
              {event.ms === undefined ? "" : ` ${duration(event.ms)}`}
            </text>
          </g>
        ))}
      </svg>
    </div>
  );
}

function head(x: number, y: number, isRight: boolean): string {
  const back = isRight ? -8 : 8;
  return `${x},${y} ${x + back},${y - 4} ${x + back},${y + 4}`;
}

function Details({ event, bodyOf }: { event: ShownEntry; bodyOf: number | undefined }): JSX.Element {
  const { id = "", type = "", from, to = [], code } = event;
  return (
    <section class="card" aria-label="The chosen message">
      <h2>{shortType(type)}</h2>
      <Facts
        rows={[
          ["Id", <code key="i">{id}</code>],
          ["Type", <code key="t">{type}</code>],
          ["From", <Did key="f" did={from} length={80} />],
          [
            "To",
            <span key="o">
              {to.map((did) => (
                <Did key={did} did={did} length={80} />
              ))}
            </span>,
          ],
          ...(code === undefined
            ? []
            : [
                [
                  "Code",
                  <a key="c" href={linkTo("problems", code)}>
                    {code}
                  </a>,
                ] as const,
              ]),
          ["Details", detailsOf(event)],
        ]}
      />
      {canFindMessages() && id !== "" && (
        <>
          <h3>Now</h3>
          <MessageState id={id} dids={[...to, ...(from === undefined ? [] : [from])]} />
        </>
      )}
      <Body seq={bodyOf} type={type} to={to[0] ?? ""} from={from ?? ""} />
    </section>
  );
}

/** The message itself, on demand. */
function Body({ seq, type, to, from }: { seq: number | undefined; type: string; to: string; from: string }): JSX.Element {
  const [message, setMessage] = useState<{ seq: number; value: { body?: unknown } }>();
  const [error, setError] = useState("");
  if (seq === undefined) {
    const remedy = info.value?.bodies === true ? "It is no longer in the journal." : "Start the node with --admin-bodies to see bodies.";
    return <p class="hint">The body is not kept. {remedy}</p>;
  }
  const load = async (): Promise<void> => {
    try {
      const { body } = await call<{ body: string }>(`body?seq=${seq}`);
      setMessage({ seq, value: JSON.parse(body) as { body?: unknown } });
    } catch (problem) {
      setError(problem instanceof Error ? problem.message : "failed");
    }
  };
  if (message?.seq !== seq) {
    return (
      <>
        <button type="button" onClick={() => void load()}>
          Show the message
        </button>
        {error !== "" && <Problem text={error} />}
      </>
    );
  }
  const body = JSON.stringify(message.value.body ?? {});
  return (
    <>
      <p class="tools">
        <Copy label="Copy as parley send" text={`parley send ${quoted(to)} ${quoted(type)} ${quoted(body)} --as ${quoted(from)}`} />
        <Copy
          label="Copy as TypeScript"
          text={`await client.send({ type: ${JSON.stringify(type)}, to: ${JSON.stringify(to)}, body: ${body} });`}
        />
      </p>
      <Json value={message.value} label="The message" />
      {canAct("dev", "request") && <a href={linkTo("try", "", { to, type, body })}>Send it again, as a new message</a>}
    </>
  );
}

/** A word of a shell. */
function quoted(text: string): string {
  return /^[\w.:/@%-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

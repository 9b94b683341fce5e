import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { ShownEntry } from "@parley/admin";
import { Badge, Did, Field, Heading, Problem } from "../parts/basics.tsx";
import { clock, eventName, plural, shortType, toneOf } from "../parts/format.ts";
import { VirtualRows } from "../parts/virtual-rows.tsx";
import { filterError, heldBack, isGap, isPaused, type LiveRow, missedTotal, resume, rows } from "../state/live.ts";
import { canAct } from "../state/api.ts";
import { linkTo, place, setSetting } from "../state/router.ts";
import { detailsOf } from "./agent.tsx";
import { canFindMessages, MessageState } from "./message-actions.tsx";

const COLUMNS = ["Time", "Event", "Type or channel", "From", "To", "Details"];
const TYPING_MS = 300;
const EXAMPLES = ["state:refused", "state:dead", "type:*/request >500ms", "source:skytale", "-state:delivered -state:settled"];

/** What just happened? */
export function MessagesScreen(): JSX.Element {
  const applied = place.value.settings.get("filter") ?? "";
  const [text, setText] = useState(applied);
  // What was typed here is not set again: more may have been typed meanwhile.
  const typed = useRef(applied);
  const [chosen, setChosen] = useState<ShownEntry>();
  const canChoose = canAct("node", "purge-message") && canFindMessages();
  useEffect(() => {
    if (applied !== typed.current) setText((typed.current = applied));
  }, [applied]);
  useEffect(() => {
    const timer = setTimeout(() => {
      typed.current = text;
      if (text !== applied) setSetting("filter", text);
    }, TYPING_MS);
    return () => clearTimeout(timer);
  }, [text, applied]);
  return (
    <div class="filling">
      <Heading title="Messages" question="What just happened?">
        <button type="button" aria-pressed={isPaused.value} onClick={() => (isPaused.value ? resume() : (isPaused.value = true))}>
          {isPaused.value ? `Resume (${plural(heldBack.value, "new event")})` : "Pause"}
        </button>
      </Heading>
      <Field
        label="Filter"
        value={text}
        onInput={setText}
        placeholder="type:*/request from:did:web:a* state:refused >500ms"
        hint="Fields: state, type, from, to, did, id, thread, channel, code, key, account, source. * stands for any text, a leading - negates."
      />
      <p class="examples">
        Examples:{" "}
        {EXAMPLES.map((example) => (
          <button key={example} type="button" class="link" onClick={() => setSetting("filter", example)}>
            {example}
          </button>
        ))}
      </p>
      {missedTotal.value > 0 && (
        <p class="missed" data-missed={missedTotal.value}>
          <Badge tone="warning">gaps</Badge> {plural(missedTotal.value, "event")} not shown so far: more happen than this page reads. A
          filter shows fewer.
        </p>
      )}
      {filterError.value !== "" && <Problem text={filterError.value} />}
      {rows.value.length === 0 && filterError.value === "" && (
        <p class="empty">
          {applied === "" ? "Nothing has happened yet. Events appear here as they occur." : "No event matches the filter."}
        </p>
      )}
      <VirtualRows
        label="Events, newest first"
        columns={canChoose ? [...COLUMNS, "Actions"] : COLUMNS}
        rows={rows.value}
        render={(row) => [...cellsOf(row), ...(canChoose ? [actOn(row, setChosen)] : [])]}
      />
      {chosen !== undefined && <ChosenMessage event={chosen} onClose={() => setChosen(undefined)} />}
    </div>
  );
}

/** The button of a message of the node. */
function actOn(row: LiveRow, onChoose: (event: ShownEntry) => void): JSX.Element | string {
  if (isGap(row) || row.id === undefined || row.to === undefined || row.type === undefined) return "";
  return (
    <button type="button" class="small" onClick={() => onChoose(row)} aria-label={`Act on ${shortType(row.type)}`}>
      Act…
    </button>
  );
}

/** What can be done with a message. */
function ChosenMessage({ event, onClose }: { event: ShownEntry; onClose: () => void }): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  const { id = "", type = "", from, to = [] } = event;
  return (
    <dialog ref={dialog} aria-labelledby="chosen-title" onClose={onClose}>
      <h2 id="chosen-title">{shortType(type)}</h2>
      <p>
        <Did did={from} /> →{" "}
        {to.map((did) => (
          <Did key={did} did={did} />
        ))}
      </p>
      <MessageState id={id} dids={[...to, ...(from === undefined ? [] : [from])]} />
      <form method="dialog" class="tools">
        <button type="submit">Close</button>
        <a href={linkTo("thread", event.thread ?? id)}>Its thread</a>
      </form>
    </dialog>
  );
}

function cellsOf(row: LiveRow): readonly (JSX.Element | string)[] {
  if (isGap(row)) {
    const text = `${plural(row.missed, "event")} not shown`;
    return [
      "",
      <Badge key="gap" tone="warning">
        gap
      </Badge>,
      text,
      "",
      "",
      "",
    ];
  }
  const { time, type, thread, id, from = row.did, to, channel } = row;
  const details = detailsOf({ ...row, channel: undefined, ...(from === row.did && { did: undefined }) });
  const subject =
    type !== undefined && id !== undefined ? (
      <a key="t" href={linkTo("thread", thread ?? id)} title={type}>
        {shortType(type)}
      </a>
    ) : channel === undefined ? (
      (type ?? "")
    ) : (
      <a key="c" href={linkTo("channel", channel)}>
        {channel}
      </a>
    );
  return [
    <span key="time" class="mono">
      {clock(time)}
    </span>,
    <Badge key="kind" tone={toneOf(row)}>
      {eventName(row)}
    </Badge>,
    subject,
    from === undefined ? "" : <Did key="from" did={from} isDense />,
    to === undefined ? "" : <Did key="to" did={to[0]} isDense />,
    <span key="details" title={details}>
      {details}
    </span>,
  ];
}

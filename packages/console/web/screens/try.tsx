import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { Badge, Copy, Did, Empty, Field, Heading, Json, Problem } from "../parts/basics.tsx";
import { clock, duration, shortType } from "../parts/format.ts";
import { jsonError } from "../parts/json-error.ts";
import { act, canAct, canRead, readPath } from "../state/api.ts";
import { linkTo, place, setSetting } from "../state/router.ts";
import { useRead } from "../state/use-read.ts";
import type { AgentRow } from "./agents.tsx";
import { WaitForMessages } from "./wait.tsx";

interface Result {
  readonly id: string;
  readonly from: string;
  readonly ms: number;
  readonly response?: { readonly from: string; readonly type: string; readonly body: unknown };
  readonly problem?: { readonly code: string; readonly reason: string };
}

/** A message that was sent from this tab. */
interface Attempt {
  readonly number: number;
  readonly time: number;
  readonly kind: "send" | "request";
  readonly to: string;
  readonly type: string;
  readonly body: string;
  readonly result: Result;
}

const MAX_ATTEMPTS = 20;
const ECHO = "https://layr8.io/protocols/echo/1.0/request";

/** What answers if I send this? The form is in the address, so a link to it is a saved call. */
export function TryScreen(): JSX.Element {
  const { settings } = place.value;
  const get = (name: string): string => settings.get(name) ?? "";
  const [to, type, from, body, timeoutMs] = [get("to"), get("type"), get("from"), get("body"), get("timeoutMs")];
  const [working, setWorking] = useState<"send" | "request">();
  const [error, setError] = useState("");
  const [attempts, setAttempts] = useState<readonly Attempt[]>([]);
  const agents = useRead<{ agents: readonly AgentRow[] }>(canRead("node", "agents") ? readPath("node", "agents") : "", 10_000);
  const dids = agents.value?.agents.map(({ did }) => did) ?? [];
  const types = agents.value?.agents.flatMap(({ did, protocols }) => (to === "" || did === to ? protocols.map(requestOf) : [])) ?? [];
  const bodyError = jsonError(body);
  const attempt = async (kind: "send" | "request"): Promise<void> => {
    setWorking(kind);
    setError("");
    try {
      const result = await act<Result>("dev", kind, { to, type, from, body, timeoutMs });
      setAttempts((before) =>
        [{ number: (before[0]?.number ?? 0) + 1, time: Date.now(), kind, to, type, body, result }, ...before].slice(0, MAX_ATTEMPTS),
      );
    } catch (problem) {
      setError(problem instanceof Error ? problem.message : "failed");
    }
    setWorking(undefined);
  };
  const isComplete = to !== "" && type !== "" && bodyError === undefined && working === undefined;
  return (
    <>
      <Heading title="Try it" question="What answers if I send this message, and what arrives if I wait?">
        <Copy text={() => location.href} label="Copy a link to this call" />
      </Heading>
      <form
        class="form pairs"
        onSubmit={(event) => {
          event.preventDefault();
          if (isComplete) void attempt("request");
        }}
      >
        <Field label="To" value={to} onInput={(text) => setSetting("to", text)} list={dids} placeholder="did:web:localhost:bob" />
        <Field label="Type" value={type} onInput={(text) => setSetting("type", text)} list={[...new Set(types)]} placeholder={ECHO} />
        <Field
          label="From"
          value={from}
          onInput={(text) => setSetting("from", text)}
          placeholder="assigned by the node"
          hint="A DID that no other agent uses now. Empty: a new DID for this message only"
        />
        <Field
          label="Timeout"
          value={timeoutMs}
          onInput={(text) => setSetting("timeoutMs", text)}
          placeholder="10000"
          hint="Milliseconds"
        />
        <div class="field wide">
          <label for="field-body">Body</label>
          <textarea
            id="field-body"
            rows={6}
            spellcheck={false}
            placeholder={'{ "text": "hello" }'}
            value={body}
            aria-invalid={bodyError !== undefined}
            aria-describedby="field-body-hint"
            onInput={(event) => setSetting("body", event.currentTarget.value)}
          />
          <span class="hint" id="field-body-hint">
            {bodyError ?? "A JSON object; empty is {}"}
          </span>
        </div>
        <p class="tools wide">
          <button type="submit" class="primary" disabled={!isComplete}>
            {working === "request" ? "Waiting for the response…" : "Request"}
          </button>
          <button type="button" disabled={!isComplete} onClick={() => void attempt("send")}>
            {working === "send" ? "Sending…" : "Send only"}
          </button>
          {to !== "" && type !== "" && (
            <a href={linkTo("passage", "", { from: from || "did:web:localhost:you", to, type })}>Would it pass?</a>
          )}
        </p>
      </form>
      {error !== "" && <Problem text={error} />}
      <h2>Sent from this tab</h2>
      {attempts.length === 0 && (
        <Empty>Nothing yet. Choose a recipient and a type: connected agents and their protocols are suggested.</Empty>
      )}
      <div aria-live="polite">
        {attempts.map((one) => (
          <Outcome key={one.number} attempt={one} />
        ))}
      </div>
      {canAct("dev", "listen") && <WaitForMessages />}
    </>
  );
}

function Outcome({ attempt: { kind, time, type, to, result } }: { attempt: Attempt }): JSX.Element {
  const { problem, response, ms, id, from } = result;
  return (
    <section class="card" aria-label={`${kind} ${shortType(type)}`}>
      <h3>
        <Badge tone={problem === undefined ? "good" : "bad"}>
          {problem !== undefined ? "failed" : kind === "send" ? "sent" : "answered"} after {duration(ms)}
        </Badge>{" "}
        {shortType(type)} <span class="faint">{clock(time)}</span>
      </h3>
      <p>
        <Did did={from} /> → <Did did={to} />
      </p>
      {problem !== undefined && (
        <p class="notice bad">
          {problem.reason}
          {problem.code.startsWith("e.") && (
            <>
              {" "}
              <a href={linkTo("problems", problem.code)}>What {problem.code} means</a>
            </>
          )}
        </p>
      )}
      {response !== undefined && <Json value={response.body} label={`Body of ${shortType(response.type)}`} />}
      {kind === "send" && problem === undefined && <p>The node has it on disk. The thread shows what becomes of it.</p>}
      <p class="tools">
        <a href={linkTo("thread", id)}>Thread</a>
        {problem !== undefined && <a href={linkTo("problems")}>Problems, with cause and remedy</a>}
      </p>
    </section>
  );
}

/** Protocols are bound; a request is the most common type of one. */
function requestOf(protocol: string): string {
  return protocol === "*" ? ECHO : `${protocol}/request`;
}

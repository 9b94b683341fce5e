import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { Badge, Copy, Did, Empty, Field, Json, Problem } from "../parts/basics.tsx";
import { clock, duration, plural, shortType } from "../parts/format.ts";
import { jsonError } from "../parts/json-error.ts";
import { linkTo } from "../state/router.ts";
import { startWaiting, stopWaiting, type TriedMessage, waitAgent, waitError, waitState } from "../state/wait-agent.ts";

const ANSWERS: readonly (readonly [mode: string, title: string])[] = [
  ["echo", "with the body that came"],
  ["body", "with this body"],
  ["nothing", "not at all"],
];

/** What arrives if I wait as an agent? */
export function WaitForMessages(): JSX.Element {
  return (
    <section aria-labelledby="wait-title">
      <h2 id="wait-title">Wait for messages</h2>
      {waitAgent.value === undefined ? <Start /> : <Running did={waitAgent.value.did} />}
      {waitError.value !== "" && <Problem text={waitError.value} />}
      <Received />
    </section>
  );
}

function Start(): JSX.Element {
  const [did, setDid] = useState("");
  const [types, setTypes] = useState("");
  const [answer, setAnswer] = useState("echo");
  const [body, setBody] = useState("");
  const [isWorking, setWorking] = useState(false);
  const bodyError = answer === "body" ? jsonError(body) : undefined;
  const start = async (): Promise<void> => {
    setWorking(true);
    try {
      await startWaiting({ did: did.trim(), types, answer, body: answer === "body" ? body : "" });
    } catch (problem) {
      waitError.value = problem instanceof Error ? problem.message : "failed";
    }
    setWorking(false);
  };
  return (
    <form
      class="form pairs"
      onSubmit={(event) => {
        event.preventDefault();
        if (bodyError === undefined) void start();
      }}
    >
      <Field
        label="Wait as"
        value={did}
        onInput={setDid}
        placeholder="assigned by the node"
        hint="A DID that no other agent uses now, such as did:web:localhost:me"
      />
      <Field
        label="Message types"
        value={types}
        onInput={setTypes}
        placeholder="all"
        hint="With spaces between them. Empty: every message to this DID"
      />
      <div class="field">
        <label for="field-answer">Answer requests</label>
        <select id="field-answer" value={answer} onChange={(event) => setAnswer(event.currentTarget.value)}>
          {ANSWERS.map(([mode, title]) => (
            <option key={mode} value={mode}>
              {title}
            </option>
          ))}
        </select>
        <span class="hint">Messages that begin a thread; answers are not answered</span>
      </div>
      {answer === "body" && (
        <Field label="Body of the answer" value={body} onInput={setBody} placeholder='{ "ok": true }' hint={bodyError ?? "A JSON object"} />
      )}
      <p class="tools wide">
        <button type="submit" class="primary" disabled={isWorking || bodyError !== undefined}>
          {isWorking ? "Joining…" : "Start waiting"}
        </button>
      </p>
    </form>
  );
}

function Running({ did }: { did: string }): JSX.Element {
  const isConnected = waitState.value?.isConnected !== false;
  return (
    <p class="tools">
      <Badge tone={isConnected ? "good" : "warning"}>{isConnected ? "waits" : "connects again"}</Badge> as <Did did={did} />{" "}
      <Copy text={did} label="Copy the DID" />
      <button type="button" onClick={() => void stopWaiting()}>
        Stop waiting
      </button>
      <span class="hint">It acknowledges each message, and leaves when this page is closed.</span>
    </p>
  );
}

function Received(): JSX.Element | null {
  const messages = waitState.value?.messages;
  if (messages === undefined) return null;
  if (messages.length === 0)
    return <Empty>Nothing has arrived yet. Send something to the DID above, for example with the form on this page.</Empty>;
  return (
    <>
      <p class="hint">{plural(messages.length, "message")}, newest first; at most 200 are kept</p>
      <div aria-live="polite">
        {messages.map((message) => (
          <Message key={message.seq} message={message} />
        ))}
      </div>
    </>
  );
}

function Message({ message }: { message: TriedMessage }): JSX.Element {
  const { time, type, from, thread, body, isCut, answer } = message;
  return (
    <section class="card" aria-label={`received ${shortType(type)}`}>
      <h3>
        {answer === undefined ? (
          <Badge tone="plain">received</Badge>
        ) : answer.problem === undefined ? (
          <Badge tone="good">answered after {duration(answer.ms)}</Badge>
        ) : (
          <Badge tone="bad">not answered</Badge>
        )}{" "}
        {shortType(type)} <span class="faint">{clock(time)}</span>
      </h3>
      <p>
        from <Did did={from} length={80} />, <a href={linkTo("thread", thread)}>Thread</a>
      </p>
      {answer?.problem !== undefined && <Problem text={answer.problem} />}
      {isCut ? <p class="hint">The body is too large to be shown.</p> : <Json value={parsed(body)} label={`Body of ${shortType(type)}`} />}
      {answer !== undefined && answer.body !== body && <Json value={parsed(answer.body)} label={`Body of ${shortType(answer.type)}`} />}
    </section>
  );
}

/** An answer that was cut off is shown as its text. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

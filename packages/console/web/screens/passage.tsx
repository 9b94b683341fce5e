import type { JSX } from "preact";
import { Badge, Empty, Field, Heading, Waiting } from "../parts/basics.tsx";
import { readPath } from "../state/api.ts";
import { place, setSetting } from "../state/router.ts";
import { useRead } from "../state/use-read.ts";
import type { AgentRow } from "./agents.tsx";

/** The first step that it does not pass, in words. */
function stopOf({ steps }: Passage): string {
  const stop = steps.find(({ status }) => status === "stop");
  return stop === undefined ? "It would stop." : `It would stop at ${stop.step}: ${stop.found}`;
}

interface Passage {
  readonly passes: boolean;
  readonly steps: readonly { readonly step: string; readonly status: "ok" | "stop" | "note"; readonly found: string }[];
}

const TONES = { ok: "good", stop: "bad", note: "plain" } as const;
const WORDS = { ok: "passes", stop: "stops here", note: "note" } as const;

/** Would this message get through? */
export function PassageScreen(): JSX.Element {
  const { settings } = place.value;
  const get = (name: string): string => settings.get(name) ?? "";
  const [from, to, type, size] = [get("from"), get("to"), get("type"), get("size")];
  const [credentials, grants] = [get("credentials"), get("grants")];
  const isComplete = from !== "" && to !== "" && type !== "";
  const agents = useRead<{ agents: readonly AgentRow[] }>(readPath("node", "agents"), 10_000);
  const { value, error } = useRead<Passage>(isComplete ? readPath("node", "passage", { from, to, type, size, credentials, grants }) : "");
  const dids = agents.value?.agents.map(({ did }) => did) ?? [];
  const types = agents.value?.agents.flatMap(({ protocols }) => protocols.map((protocol) => `${protocol}/request`)) ?? [];
  return (
    <>
      <Heading title="Would it pass?" question="Would this message get through, and if not, where does it stop?" />
      <form class="form" onSubmit={(event) => event.preventDefault()}>
        <Field label="From" value={from} onInput={(text) => setSetting("from", text)} list={dids} placeholder="did:web:localhost:alice" />
        <Field label="To" value={to} onInput={(text) => setSetting("to", text)} list={dids} placeholder="did:web:localhost:bob" />
        <Field
          label="Type"
          value={type}
          onInput={(text) => setSetting("type", text)}
          list={[...new Set(types)]}
          placeholder="https://example.com/orders/1.0/request"
        />
        <Field label="Size" value={size} onInput={(text) => setSetting("size", text)} placeholder="characters" />
        <Field
          label="Credentials"
          value={credentials}
          onInput={(text) => setSetting("credentials", text)}
          placeholder="EmployeeCredential@did:web:acme.example"
          hint="Type and issuer of each, separated by spaces"
        />
        <Field
          label="Grants"
          value={grants}
          onInput={(text) => setSetting("grants", text)}
          placeholder="eyJ…"
          hint="Signed grants that the sender attaches, separated by spaces"
        />
      </form>
      {!isComplete && <Empty>Give sender, recipient and type. Nothing is sent.</Empty>}
      {isComplete && value === undefined && <Waiting error={error} />}
      {value !== undefined && (
        <>
          <p class={`notice ${value.passes ? "good" : "bad"}`} role="status">
            {value.passes ? "The node would accept it." : stopOf(value)}
          </p>
          <ol class="steps">
            {value.steps.map(({ step, status, found }) => (
              <li key={step}>
                <Badge tone={TONES[status]}>{WORDS[status]}</Badge> <strong>{step}</strong>: {found}
              </li>
            ))}
          </ol>
        </>
      )}
    </>
  );
}

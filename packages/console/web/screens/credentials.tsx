import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { Badge, Empty, Field, Heading, Json, Waiting } from "../parts/basics.tsx";
import { call, readPath } from "../state/api.ts";
import { goTo, linkTo, place } from "../state/router.ts";
import { useRead } from "../state/use-read.ts";
import type { AgentRow } from "./agents.tsx";

interface Credential {
  readonly id: string;
  readonly types?: readonly string[];
  readonly issuer?: string;
  readonly validUntil?: string;
  readonly content?: unknown;
  readonly error?: string;
}

interface Verification {
  readonly ok: boolean;
  readonly code?: string;
  readonly reason?: string;
}

/** What does this DID hold, does it verify now, and if not at which step? */
export function CredentialsScreen(): JSX.Element {
  const did = place.value.subject;
  const [text, setText] = useState(did);
  const agents = useRead<{ agents: readonly AgentRow[] }>(readPath("node", "agents"), 10_000);
  const { value, error } = useRead<{ credentials: readonly Credential[]; hasMore: boolean }>(
    did === "" ? "" : readPath("node", "credentials", { did }),
    10_000,
  );
  return (
    <>
      <Heading title="Credentials" question="What does this DID hold, does it verify now, and if not at which step?" />
      <form
        class="form"
        onSubmit={(event) => {
          event.preventDefault();
          goTo("credentials", text.trim());
        }}
      >
        <Field
          label="Holder"
          value={text}
          onInput={setText}
          list={agents.value?.agents.map((agent) => agent.did) ?? []}
          placeholder="did:web:localhost:alice"
        />
        <button type="submit">Show</button>
      </form>
      {did === "" && <Holders dids={agents.value?.agents.map((agent) => agent.did) ?? []} />}
      {did !== "" && value === undefined && <Waiting error={error} />}
      {value?.credentials.length === 0 && <Empty>The node stores no credential of this DID.</Empty>}
      {value?.credentials.map((credential) => (
        <CredentialCard key={credential.id} credential={credential} />
      ))}
      {value?.hasMore === true && <p class="hint">The first 100 are shown.</p>}
    </>
  );
}

const MAX_HOLDERS = 50;

/** The DIDs to choose from. */
function Holders({ dids }: { dids: readonly string[] }): JSX.Element {
  if (dids.length === 0) return <Empty>No agent has connected yet: there is no DID that could hold a credential.</Empty>;
  return (
    <>
      <p class="hint">{dids.length > MAX_HOLDERS ? `The first ${MAX_HOLDERS} DIDs of this node:` : "The DIDs of this node:"}</p>
      <ul class="list">
        {dids.slice(0, MAX_HOLDERS).map((did) => (
          <li key={did}>
            <a class="mono" href={linkTo("credentials", did)}>
              {did}
            </a>
          </li>
        ))}
      </ul>
    </>
  );
}

function CredentialCard({ credential: { id, types = [], issuer, validUntil, content, error } }: { credential: Credential }): JSX.Element {
  const [state, setState] = useState<Verification | "working" | undefined>(undefined);
  const verify = async (): Promise<void> => {
    setState("working");
    setState(
      await call<Verification>(readPath("node", "verify", { id })).catch((problem: unknown) => ({
        ok: false,
        reason: problem instanceof Error ? problem.message : "failed",
      })),
    );
  };
  return (
    <section class="card" aria-label={`Credential ${id}`}>
      <h2>{types.filter((type) => type !== "VerifiableCredential").join(", ") || "Credential"}</h2>
      <p>
        Issued by <code>{issuer ?? "unknown"}</code>
        {validUntil !== undefined && <>, valid until {validUntil}</>}
      </p>
      {error !== undefined && <p class="notice bad">It can't be read: {error}</p>}
      <p class="tools">
        <button type="button" disabled={state === "working"} onClick={() => void verify()}>
          Verify now
        </button>
        <span role="status">
          {state === "working" && "Verifying…"}
          {typeof state === "object" &&
            (state.ok ? <Badge tone="good">it verifies</Badge> : <Badge tone="bad">{`${state.code ?? ""}: ${state.reason ?? ""}`}</Badge>)}
        </span>
      </p>
      {content !== undefined && (
        <details>
          <summary>Content, without signatures</summary>
          <Json value={content} label="Credential" />
        </details>
      )}
    </section>
  );
}

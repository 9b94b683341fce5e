import type { JSX } from "preact";
import type { ShownLens } from "@parley/admin";
import { Badge, Copy } from "./basics.tsx";
import { ago, plural } from "./format.ts";

const RUN = "parley run -- node agent.mjs";

/** How agents get a lens. */
export function NoLens({ what }: { what: string }): JSX.Element {
  return (
    <div class="card">
      <h2>No agent reports {what}</h2>
      <p>
        The servers do not know {what}: agents report them to this console themselves, over a port of this machine. Their reports have no
        text of messages.
      </p>
      <p>
        Start the agent with <code>{RUN}</code> <Copy text={RUN} />, or set <code>SKYTALE_LENS</code> to the directory that the server
        printed or was given with <code class="whole">--admin-lenses</code>. An agent of the SDK <code>skytale</code> needs no change in its
        program.
      </p>
    </div>
  );
}

/** Which agents report, and which do not answer. */
export function Lenses({ lenses }: { lenses: readonly ShownLens[] }): JSX.Element {
  const silent = lenses.filter(({ reason }) => reason !== undefined);
  return (
    <>
      <p class="faint">
        {plural(lenses.length, "lens", "lenses")}: {lenses.map(({ name }) => name).join(", ")}
      </p>
      {silent.map(({ name, pid, reason, openedAt }) => (
        <p class="notice warning" key={`${name} ${pid}`}>
          <Badge tone="warning">no answer</Badge> {name} (process {pid}, started {ago(openedAt)}): {reason}
        </p>
      ))}
    </>
  );
}

import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Badge, Copy, Heading, Problem } from "../parts/basics.tsx";
import { clock, plural, type Tone } from "../parts/format.ts";
import { call, readPath } from "../state/api.ts";

interface Report {
  readonly ok: boolean;
  readonly checks: readonly {
    readonly id: string;
    readonly title: string;
    readonly status: "ok" | "warning" | "failed" | "skipped";
    readonly found: string;
    readonly remedy?: string;
  }[];
}

const TONES: Readonly<Record<string, Tone>> = { ok: "good", warning: "warning", failed: "bad", skipped: "plain" };

/** Is everything set up, and what helps if not? */
export function DoctorScreen(): JSX.Element {
  const [isRunning, setRunning] = useState(true);
  const [result, setResult] = useState<{ readonly report: Report; readonly at: number }>();
  const [error, setError] = useState("");
  const run = async (): Promise<void> => {
    setRunning(true);
    try {
      setResult({ report: await call<Report>(readPath("dev", "doctor")), at: Date.now() });
      setError("");
    } catch (problem) {
      setError(problem instanceof Error ? problem.message : "failed");
    }
    setRunning(false);
  };
  useEffect(() => void run(), []);
  return (
    <>
      <Heading title="Doctor" question="Do machine, servers and keys work together, and what helps if not?">
        <button type="button" disabled={isRunning} onClick={() => void run()}>
          {isRunning ? "Checking…" : "Check again"}
        </button>
        <Copy text={() => JSON.stringify(result?.report, undefined, 2)} label="Copy for a bug report" />
      </Heading>
      {error !== "" && <Problem text={error} />}
      {result === undefined && error === "" && (
        <p class="empty">The checks run. They send a message through the node, and open a stream of the relay.</p>
      )}
      {result !== undefined && <Checks report={result.report} at={result.at} />}
    </>
  );
}

function Checks({ report: { checks }, at }: { report: Report; at: number }): JSX.Element {
  const count = (status: string): number => checks.filter((check) => check.status === status).length;
  const [failed, warnings] = [count("failed"), count("warning")];
  const tone = failed > 0 ? "bad" : warnings > 0 ? "warning" : "good";
  const text = failed + warnings === 0 ? "Everything works." : `${plural(failed, "failure")}, ${plural(warnings, "warning")}.`;
  return (
    <>
      <p class={`notice ${tone}`} role="status">
        {text}{" "}
        <span class="faint">
          Checked at {clock(at).slice(0, 8)}, as <code>parley doctor</code> does.
        </span>
      </p>
      <ul class="checks">
        {checks.map(({ id, title, status, found, remedy }) => (
          <li key={id}>
            <Badge tone={TONES[status] ?? "plain"}>{status}</Badge>
            <span>
              <strong>{title}</strong>: {found}
              {remedy !== undefined && (
                <>
                  <br />
                  <strong>Remedy:</strong> {remedy}
                </>
              )}
            </span>
            <code class="faint">{id}</code>
          </li>
        ))}
      </ul>
    </>
  );
}

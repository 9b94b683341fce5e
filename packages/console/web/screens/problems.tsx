import type { JSX } from "preact";
import type { Problem } from "@parley/admin";
import { Badge, Copy, Did, Empty, Heading, Prose, Waiting } from "../parts/basics.tsx";
import { ago, plural } from "../parts/format.ts";
import { linkTo, place } from "../state/router.ts";
import { useRead } from "../state/use-read.ts";
import { DeadLetters } from "./dead-letters.tsx";

/** What fails most, between whom, and what helps? */
export function ProblemsScreen(): JSX.Element {
  const only = place.value.subject;
  const { value, error } = useRead<readonly Problem[]>("problems");
  const shown = value?.filter(({ code }) => only === "" || code === only) ?? [];
  return (
    <>
      <Heading title="Problems" question="What fails most, between whom, and what helps?">
        {only !== "" && <a href={linkTo("problems")}>Show all codes</a>}
      </Heading>
      {value === undefined && <Waiting error={error} />}
      {value !== undefined && shown.length === 0 && (
        <Empty>{only === "" ? "Nothing has failed." : `Nothing has failed with ${only}.`}</Empty>
      )}
      <ul class="problems">
        {shown.map((problem) => (
          <ProblemCard key={`${problem.source} ${problem.code} ${problem.from} ${problem.to}`} problem={problem} />
        ))}
      </ul>
      {only === "" && <DeadLetters />}
    </>
  );
}

function ProblemCard({ problem }: { problem: Problem }): JSX.Element {
  const { code, from, to, count, last, explanation, source } = problem;
  const isDid = (text: string | undefined): boolean => text?.startsWith("did:") === true;
  return (
    <li class="card">
      <h2>
        <Badge tone="bad">{plural(count, "time")}</Badge> {explanation?.meaning ?? code}
      </h2>
      <p class="mono">
        <a href={linkTo("messages", "", { filter: `code:${code}` })}>{code}</a>
        {from !== undefined && <> {isDid(from) ? <Did did={from} /> : from}</>}
        {to !== undefined && <> → {isDid(to) ? <Did did={to} /> : to}</>}
      </p>
      {last.reason !== undefined && <p>{last.reason}</p>}
      {explanation !== undefined && (
        <dl class="explanation">
          <dt>Cause</dt>
          <dd>
            <Prose text={explanation.cause} />
          </dd>
          <dt>Remedy</dt>
          <dd>
            <Prose text={explanation.remedy} />
          </dd>
        </dl>
      )}
      <p class="tools">
        <span class="faint">
          {source}, last {ago(last.time)}
        </span>
        {last.id !== undefined && <a href={linkTo("thread", last.thread ?? last.id)}>Thread of the last one</a>}
        {code === "remote-retry" && <a href={linkTo("federation")}>Next try</a>}
        {isDid(from) && isDid(to) && (
          <a href={linkTo("passage", "", { from: from ?? "", to: to ?? "", type: last.type ?? "" })}>Would it pass now?</a>
        )}
        <Copy text={() => JSON.stringify(problem, undefined, 2)} label="Copy for a bug report" />
      </p>
    </li>
  );
}

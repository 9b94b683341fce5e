import type { ComponentChildren, JSX } from "preact";
import { Account, Badge, Heading, Table, Waiting } from "../parts/basics.tsx";
import { bytes, count } from "../parts/format.ts";
import { info, readPath } from "../state/api.ts";
import { useRead } from "../state/use-read.ts";

interface Limit {
  readonly name: string;
  readonly limit?: number;
  readonly used?: number;
  readonly by?: string;
  readonly refused?: number;
}

/** Share of a limit that counts as near. */
const NEAR = 0.75;

/** Which limit am I near? */
export function LimitsScreen(): JSX.Element {
  const sources = info.value?.sources.filter(({ reads }) => reads.includes("limits")) ?? [];
  return (
    <>
      <Heading title="Limits" question="Which limit am I near, and what was refused by it?" />
      {sources.map(({ name, title }) => (
        <SourceLimits key={name} source={name} title={title} />
      ))}
    </>
  );
}

function SourceLimits({ source, title }: { source: string; title: string }): JSX.Element {
  const { value, error } = useRead<{ limits: readonly Limit[] }>(readPath(source, "limits"), 5000);
  if (value === undefined) return <Waiting error={error} />;
  const known = value.limits
    .filter(({ used, refused = 0 }) => used !== undefined || refused > 0)
    .toSorted((one, other) => shareOf(other) - shareOf(one));
  const others = value.limits.filter((limit) => !known.includes(limit));
  return (
    <section>
      <Table
        caption={`${title}: use of the limits now`}
        rows={known}
        keyOf={({ name }) => name}
        columns={[
          { name: "Limit", cell: ({ name }) => <code>{name}</code> },
          {
            name: "Use",
            cell: (limit) => (
              <span class="meter">
                <meter min={0} max={1} value={shareOf(limit)} aria-label={`Use of ${limit.name}`} />
                {shareOf(limit) >= NEAR && <Badge tone="warning">near</Badge>}
              </span>
            ),
          },
          { name: "Used", isNumber: true, cell: ({ name, used }) => quantity(name, used) },
          { name: "Of", isNumber: true, cell: ({ name, limit }) => (limit === undefined ? "no limit" : quantity(name, limit)) },
          { name: "Most by", cell: ({ by }) => nameOf(by) },
          { name: "Refused", isNumber: true, cell: ({ refused = 0 }) => (refused > 0 ? <Badge tone="bad">{count(refused)}</Badge> : "0") },
        ]}
      />
      <details>
        <summary>{title}: limits whose use the server does not count</summary>
        <Table
          caption={`${title}: other limits`}
          rows={others}
          keyOf={({ name }) => name}
          columns={[
            { name: "Limit", cell: ({ name }) => <code>{name}</code> },
            { name: "Value", isNumber: true, cell: ({ name, limit }) => (limit === undefined ? "no limit" : quantity(name, limit)) },
          ]}
        />
      </details>
    </section>
  );
}

/** The server names accounts by their ids. */
function nameOf(by = ""): ComponentChildren {
  const [, account] = /^account (\S+)$/.exec(by) ?? [];
  return account === undefined ? by : <Account id={account} />;
}

/** Limits of bytes are shown in their units. */
function quantity(name: string, value: number | undefined): string {
  return name.includes("Bytes") ? bytes(value) : count(value);
}

function shareOf({ used = 0, limit }: Limit): number {
  return limit === undefined || limit === 0 ? 0 : Math.min(1, used / limit);
}

import type { JSX } from "preact";
import type { ShownSource } from "@parley/admin";
import { Address, Badge, Copy, Empty, Facts, Figure, Heading, Problem, Waiting } from "../parts/basics.tsx";
import { bytes, count, duration } from "../parts/format.ts";
import { Plot, type PlotSource } from "../parts/plot.tsx";
import { info, readPath } from "../state/api.ts";
import { samples } from "../state/live.ts";
import { linkTo } from "../state/router.ts";
import { useRead } from "../state/use-read.ts";

interface Stuck {
  readonly what: string;
  readonly why: string;
  readonly place: string;
}

interface Overview {
  readonly url?: string;
  readonly relayUrl?: string;
  readonly health: "ok" | "failing";
  readonly healthReason?: string;
  readonly stuck: readonly Stuck[];
  readonly [name: string]: unknown;
}

const perSecond = (value: number): string => `${value < 10 ? value.toFixed(1) : Math.round(value)} /s`;

const PLOTS: readonly PlotSource[] = [
  { source: "node", name: "acceptedTotal", title: "Messages accepted", format: perSecond },
  { source: "node", name: "refusedTotal", title: "Messages refused", format: perSecond },
  { source: "node", name: "settle95Ms", title: "Acknowledgement, 95th percentile", format: duration },
  { source: "node", name: "oldestMs", title: "Age of the oldest waiting message", format: duration },
  { source: "skytale", name: "publishedTotal", title: "Channel messages published", format: perSecond },
  { source: "skytale", name: "waitingBytes", title: "Bytes waiting for readers", format: bytes },
];

/** Is it up, and is anything stuck? */
export function OverviewScreen(): JSX.Element {
  const sources = info.value?.sources.filter(({ reads }) => reads.includes("overview")) ?? [];
  const plots = PLOTS.filter(({ source }) => sources.some(({ name }) => name === source));
  return (
    <>
      <Heading title="Overview" question="Is it up, and is anything stuck?" />
      <div class="cards">
        {sources.map((source) => (
          <SourceCard key={source.name} source={source} />
        ))}
      </div>
      <section aria-label="Plots" class="plots">
        {plots.map((plot) => (
          <Plot key={`${plot.source} ${plot.name}`} {...plot} samples={samples.value} />
        ))}
      </section>
    </>
  );
}

function SourceCard({ source: { name, title } }: { source: ShownSource }): JSX.Element | null {
  const { value, error } = useRead<Overview>(readPath(name, "overview"));
  if (value === undefined) return <Waiting error={error} />;
  if (name === "lens" && value["lenses"] === 0) return null;
  return (
    <section class="card" aria-label={title}>
      <h2>
        {title} <Badge tone={value.health === "ok" ? "good" : "bad"}>{value.health === "ok" ? "up" : "failing"}</Badge>
      </h2>
      {error !== undefined && <Problem text={error} />}
      {value.healthReason !== undefined && <Problem text={value.healthReason} />}
      <div class="figures">
        <Figures name={name} value={value} />
      </div>
      <h3>Stuck</h3>
      {value.stuck.length === 0 ? (
        <Empty>Nothing is stuck.</Empty>
      ) : (
        <ul class="list">
          {value.stuck.map(({ what, why, place }) => (
            <li key={`${what} ${why}`}>
              <Badge tone="warning">stuck</Badge> <a href={`#/${place}`}>{what}</a>: {why}
            </li>
          ))}
        </ul>
      )}
      <Facts
        rows={[
          ...(value.url === undefined ? [] : [["Address", <CopiedAddress key="a" text={value.url} />] as const]),
          ...(value.relayUrl === undefined ? [] : [["Relay", <CopiedAddress key="r" text={value.relayUrl} />] as const]),
        ]}
      />
    </section>
  );
}

function CopiedAddress({ text }: { text: string }): JSX.Element {
  return (
    <>
      <Address text={text} /> <Copy text={text} />
    </>
  );
}

function Figures({ name, value }: { name: string; value: Overview }): JSX.Element {
  if (name === "node") return <NodeFigures value={value} />;
  return name === "lens" ? <LensFigures value={value} /> : <SkytaleFigures value={value} />;
}

function LensFigures({ value }: { value: Overview }): JSX.Element {
  return (
    <>
      <Figure name="Agents that report" value={count(Number(value["lenses"]))} href={linkTo("members")} />
      <Figure name="Channels" value={count(Number(value["channels"]))} href={linkTo("members")} />
      <Figure name="Bridges" value={count(Number(value["bridges"]))} href={linkTo("bridges")} />
    </>
  );
}

function NodeFigures({ value }: { value: Overview }): JSX.Element {
  const [inbox, blocked] = [Number(value["inbox"]), Number(value["blocked"])];
  return (
    <>
      <Figure name="Agents connected" value={count(Number(value["agents"]))} href={linkTo("agents")} />
      <Figure name="Messages waiting" value={count(inbox)} href={linkTo("agents")} />
      <Figure name="For other nodes" value={count(Number(value["outbound"]))} href={linkTo("federation")} />
      <Figure name="Blocked pairs" value={count(blocked)} tone={blocked > 0 ? "bad" : "plain"} href={linkTo("federation")} />
      <Figure name="Oldest waiting" value={value["oldestMs"] === undefined ? "none" : duration(Number(value["oldestMs"]))} />
    </>
  );
}

function SkytaleFigures({ value }: { value: Overview }): JSX.Element {
  const pending = Number(value["pendingJoins"]);
  return (
    <>
      <Figure
        name="Channels"
        value={`${count(Number(value["channels"]))}${value["hasMoreChannels"] === true ? " or more" : ""}`}
        href={linkTo("channels")}
      />
      <Figure name="Agents connected" value={count(Number(value["streams"]))} />
      <Figure name="Join requests waiting" value={count(pending)} tone={pending > 0 ? "warning" : "plain"} href={linkTo("invites")} />
      <Figure name="Stored" value={bytes(Number(value["storedBytes"]))} />
    </>
  );
}

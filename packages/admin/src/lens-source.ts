import { type BridgeReport, type ChannelReport, findLenses, type FoundLens, type LensReport, readLens } from "@parley/lens";
import type { AdminSource } from "@parley/server-kit";
import { compareViews, type Comparison } from "./compare-views.ts";

/** Name of the source. */
const NAME = "lens";

/** A lens as the console lists it. */
export interface ShownLens {
  readonly name: string;
  readonly pid: number;
  /** Milliseconds since 1970. */
  readonly openedAt: number;
  /** Why it has not answered. */
  readonly reason?: string | undefined;
}

/** A channel as one member sees it, with the member's name. */
export interface ChannelView extends ChannelReport {
  readonly lens: string;
}

/** A channel with the views of all its members that have a lens. */
export interface SeenChannel {
  readonly name: string;
  readonly comparison: Comparison;
  readonly views: readonly ChannelView[];
}

/** A bridge, with the name of its agent. */
export interface SeenBridge extends BridgeReport {
  readonly lens: string;
}

interface Seen {
  readonly lenses: readonly ShownLens[];
  readonly channels: readonly SeenChannel[];
  readonly bridges: readonly SeenBridge[];
}

/** How long answers of the lenses are used again, in milliseconds: all screens of all pages share them. */
const FRESH_MS = 500;

/** What agents know that servers don't: members, epochs and unreadable entries of channels, and bridges. Asks the lenses of a directory. */
export function lensSource(directory: string): AdminSource {
  let latest: { readonly at: number; readonly seen: Promise<Seen> } | undefined;
  const look = (): Promise<Seen> => {
    if (latest === undefined || performance.now() - latest.at > FRESH_MS) latest = { at: performance.now(), seen: lookThrough(directory) };
    return latest.seen;
  };
  return {
    name: NAME,
    title: "Lenses of agents",
    reads: {
      overview: async () => overviewOf(await look()),
      members: async ({ channel = "" }) => {
        const { lenses, channels } = await look();
        return { lenses, channels: channels.filter(({ name }) => channel === "" || name === channel) };
      },
      bridges: async () => {
        const { lenses, bridges } = await look();
        return { lenses, bridges };
      },
    },
    actions: {},
  };
}

async function lookThrough(directory: string): Promise<Seen> {
  const found = await findLenses(directory);
  const asked = await Promise.all(found.map(async (lens) => ({ lens, result: await readLens(lens) })));
  const answers = asked.flatMap(({ lens, result }) => (result === undefined ? [] : [{ lens, result }]));
  const reports = answers.flatMap(({ lens, result }) => (result.ok ? [{ lens, report: result.report }] : []));
  return {
    lenses: answers.map(({ lens: { name, pid, openedAt }, result }) => ({
      name,
      pid,
      openedAt,
      reason: result.ok ? undefined : result.reason,
    })),
    channels: channelsOf(reports),
    bridges: reports.flatMap(({ lens, report }) =>
      report.kind === "bridges" ? report.bridges.map((bridge) => ({ ...bridge, lens: lens.name })) : [],
    ),
  };
}

function channelsOf(reports: readonly { readonly lens: FoundLens; readonly report: LensReport }[]): readonly SeenChannel[] {
  const views = new Map<string, ChannelView[]>();
  for (const { lens, report } of reports) {
    if (report.kind !== "channels") continue;
    for (const channel of report.channels) {
      const view = { ...channel, lens: lens.name };
      const others = views.get(channel.name);
      if (others === undefined) views.set(channel.name, [view]);
      else others.push(view);
    }
  }
  return Array.from(views, ([name, all]) => ({ name, comparison: compareViews(all), views: all })).toSorted((one, other) =>
    one.name.localeCompare(other.name),
  );
}

function overviewOf({ lenses, channels, bridges }: Seen): unknown {
  const silent = lenses.filter(({ reason }) => reason !== undefined);
  const differing = channels.filter(({ comparison }) => comparison.tone === "bad");
  const ended = bridges.filter(({ status }) => status === "ended");
  return {
    health: "ok",
    lenses: lenses.length,
    channels: channels.length,
    bridges: bridges.length,
    stuck: [
      ...differing.map(({ name, comparison }) => ({ what: name, why: comparison.text, place: `members/${encodeURIComponent(name)}` })),
      ...ended.map(({ source, target, problems }) => ({
        what: `${source} to ${target}`,
        why: `the bridge has ended: ${problems.at(-1)?.reason ?? "a port was closed"}`,
        place: "bridges",
      })),
      ...silent.map(({ name, reason = "" }) => ({ what: name, why: reason, place: "members" })),
    ],
  };
}

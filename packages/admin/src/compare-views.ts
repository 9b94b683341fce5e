import type { ChannelReport } from "@parley/lens";

/** Whether the members of a channel agree about it. */
export interface Comparison {
  readonly tone: "good" | "warning" | "bad" | "plain";
  /** One or two sentences. */
  readonly text: string;
  readonly remedy?: string | undefined;
  /** First entry that a member could not read since they differ. */
  readonly fromSequence?: number | undefined;
}

type View = Pick<ChannelReport, "epoch" | "safetyNumber" | "unread" | "problem"> & { readonly lens: string };

const REMEDY =
  "Decide which group is right. Let the members of the other one leave or be removed, erase the channel there with `forget`, and invite them again.";

/**
 * Compares what members see of one channel. Members in one epoch with different safety numbers are in different groups: the group has forked. A
 * member that reports a fork itself has failed to decrypt messages of others.
 */
export function compareViews(views: readonly View[]): Comparison {
  const apart = differentGroups(views);
  const fromSequence = firstUnread(views);
  const since = fromSequence === undefined ? "" : ` The first entry that a member could not read is ${fromSequence}.`;
  if (apart !== undefined) {
    const [one, other] = apart;
    const text = `Fork: ${one.lens} and ${other.lens} are both in epoch ${one.epoch} with different safety numbers, so they are in different groups and cannot read each other's messages.${since}`;
    return { tone: "bad", text, remedy: REMEDY, fromSequence };
  }
  const reporter = views.find(({ problem }) => problem?.code === "fork");
  if (reporter !== undefined) {
    const others = views.filter(({ lens, epoch }) => lens !== reporter.lens && epoch !== reporter.epoch);
    const epochs = others.length === 0 ? "" : ` ${reporter.lens} is in epoch ${reporter.epoch}, ${epochsOf(others)}.`;
    const text = `Fork: ${reporter.lens} cannot decrypt messages of other members, which are in a different group.${epochs}${since}`;
    return { tone: "bad", text, remedy: REMEDY, fromSequence };
  }
  const failing = views.find(({ problem }) => problem !== undefined);
  if (failing?.problem !== undefined) return { tone: "bad", text: `${failing.lens} reports: ${failing.problem.reason}` };
  const latest = Math.max(...views.map(({ epoch }) => epoch));
  const behind = views.filter(({ epoch }) => epoch < latest);
  if (behind.length > 0) {
    const text = `${epochsOf(behind)}; the latest is ${latest}. They have not read the whole log yet, or are in another group.`;
    return { tone: "warning", text, remedy: "If the epoch stays behind, look at the unread entries and restart the agent.", fromSequence };
  }
  if (views.length === 1) return { tone: "plain", text: "One lens, so there is nothing to compare with." };
  return { tone: "good", text: `All ${views.length} lenses are in epoch ${latest} with the same safety number.` };
}

function epochsOf(views: readonly View[]): string {
  return views.map(({ lens, epoch }) => `${lens} is in epoch ${epoch}`).join(", ");
}

/** Two views of one epoch with different groups. */
function differentGroups(views: readonly View[]): readonly [View, View] | undefined {
  const byEpoch = new Map<number, View>();
  for (const view of views) {
    const other = byEpoch.get(view.epoch);
    if (other === undefined) byEpoch.set(view.epoch, view);
    else if (other.safetyNumber !== view.safetyNumber) return [other, view];
  }
  return undefined;
}

function firstUnread(views: readonly View[]): number | undefined {
  const sequences = views.flatMap(({ unread }) => unread.map(({ sequence }) => sequence));
  return sequences.length === 0 ? undefined : Math.min(...sequences);
}

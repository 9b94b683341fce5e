import type { StreamConfig } from "@nats-io/jetstream";
import { describeThrown, sleep } from "@parley/core/internal";
import type { JetstreamConnection } from "./connection.ts";
import { API, closedError, hasApiCode, isTransient } from "./failures.ts";
import { JetstreamError } from "./jetstream-error.ts";

/** A stream that servers share: a name, its subjects, and what differs from the defaults. */
export type StreamPlan = Partial<StreamConfig> & Pick<StreamConfig, "name" | "subjects">;

/**
 * A fresh cluster refuses streams for some time ("no suitable peers"), because a server counts only after its statistics have arrived.
 */
const CREATE_WITHIN_MS = 120_000;
const AGAIN_AFTER_MS = 250;
/** Without one of these, a stream has 0 or less. */
const LIMITS = ["max_msgs_per_subject", "max_msgs", "max_age"] as const;
const NANOSECONDS = 1e6;

/**
 * Creates the streams that don't exist yet. Of existing ones, limits are raised to those of the plan. None is lowered, since that would remove messages.
 *
 * @throws JetstreamError `streams_unavailable`; StorageError `storage_failed` after the connection was closed.
 */
export async function ensureStreams(connection: JetstreamConnection, plans: readonly StreamPlan[]): Promise<void> {
  const deadline = performance.now() + CREATE_WITHIN_MS;
  await Promise.all(plans.map((plan) => ensureStream(connection, plan, deadline)));
}

async function ensureStream(connection: JetstreamConnection, plan: StreamPlan, deadline: number): Promise<void> {
  for (;;) {
    if (connection.closed.aborted) throw closedError();
    try {
      return await createUnlessExisting(connection, plan);
    } catch (error) {
      const isPassing = isTransient(error) || hasApiCode(error, API.noSuitablePeers);
      if (!isPassing || performance.now() >= deadline) {
        const message = `JetStream does not provide the stream ${plan.name}: ${describeThrown(error)}. Check that ${connection.replicas} server(s) are up and have free disk space.`;
        throw new JetstreamError("streams_unavailable", message, { cause: error });
      }
      await sleep(AGAIN_AFTER_MS, connection.closed);
    }
  }
}

async function createUnlessExisting({ jsm, replicas }: JetstreamConnection, plan: StreamPlan): Promise<void> {
  try {
    const { config } = await jsm.streams.info(plan.name);
    const raised = raisedLimits(plan, config);
    if (raised !== undefined) await jsm.streams.update(plan.name, raised);
    return;
  } catch (error) {
    if (!hasApiCode(error, API.streamNotFound)) throw error;
  }
  try {
    await jsm.streams.add({
      storage: "file",
      retention: "limits",
      num_replicas: replicas,
      allow_direct: true,
      // Records name their predecessors, so JetStream's own memory of message ids is not needed.
      duplicate_window: 100 * NANOSECONDS,
      ...plan,
    });
  } catch (error) {
    // Another server has created it in this moment.
    if (!hasApiCode(error, API.streamNameInUse)) throw error;
  }
}

/** The limits of a plan that are higher than those of its stream. */
function raisedLimits(plan: StreamPlan, present: StreamConfig): Partial<StreamConfig> | undefined {
  const raised = LIMITS.flatMap((limit): [string, number][] => {
    const [planned, has] = [plan[limit], present[limit]];
    return planned !== undefined && has > 0 && planned > has ? [[limit, planned]] : [];
  });
  return raised.length === 0 ? undefined : Object.fromEntries(raised);
}

import { deferred, type Deferred } from "@parley/core/internal";
import { expect, it } from "vitest";
import { LiveDelivery } from "../../src/mediation/live-delivery.ts";

const AGENT = "did:web:agent.example";
const DID = "did:web:phone.example";

it("sends an envelope that is queued while an earlier read is under way", async () => {
  const reads: { readonly after: number; readonly found: Deferred<number | undefined> }[] = [];
  const failures: unknown[] = [];
  const live = new LiveDelivery({
    send: (_agent, _did, after) => {
      const found = deferred<number | undefined>();
      reads.push({ after, found });
      return found.promise;
    },
    isReachable: () => true,
    onUnreachable: () => undefined,
    onFailure: (error) => failures.push(error),
  });
  live.start(AGENT);
  void live.queued(AGENT, DID);
  expect(reads).toHaveLength(1);
  // The first read has begun without it.
  void live.queued(AGENT, DID);
  reads[0]?.found.resolve(undefined);
  await expect.poll(() => reads.length).toBe(2);
  reads[1]?.found.resolve(7);
  await expect.poll(() => reads.length).toBe(3);
  expect(reads[2]?.after).toBe(7);
  reads[2]?.found.reject(new Error("disk"));
  await expect.poll(() => failures).toHaveLength(1);
  // After a failure, the next envelope starts again.
  void live.queued(AGENT, DID);
  expect(reads.map(({ after }) => after)).toEqual([0, 0, 7, 7]);
});

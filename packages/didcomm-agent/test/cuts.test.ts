import { createMemoryLink } from "@parley/core/memory";
import fc from "fast-check";
import { gateOrSoak } from "@parley/test-assertions";
import { describe, expect, it } from "vitest";

import { Client, NotConnectedError } from "../src/index.ts";
import { ALICE, BOB, ECHO, ECHO_REPLY, MODES, settled } from "./support.ts";

const STEPS = ["send", "cut", "restore", "work", "work"] as const;

describe.each(MODES)("an agent whose link breaks at random (acknowledge: %s)", (acknowledge) => {
  it("handles each accepted message once, and answers it once if the node waits for the outcome", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom(...STEPS), { maxLength: 40 }), async (steps) => {
        const link = createMemoryLink({ acknowledge });
        await using alice = new Client({ agentDid: ALICE, transport: link.left }, () => {});
        await using bob = new Client({ agentDid: BOB, transport: link.right, maxConcurrentHandlers: 2 }, () => {});
        const accepted: string[] = [];
        const refusals: unknown[] = [];
        const handled: string[] = [];
        const answered: string[] = [];
        bob.handle(ECHO, async ({ id }) => {
          await settled();
          handled.push(id);
          return { type: ECHO_REPLY, body: { id } };
        });
        alice.handle(ECHO_REPLY, ({ body }) => void answered.push(String(body["id"])));
        await Promise.all([alice.connect(), bob.connect()]);
        for (const step of steps) {
          if (step === "cut") link.cut();
          else if (step === "restore") link.restore();
          else if (step === "work") await settled();
          else {
            const sending = alice.send({ type: ECHO, to: BOB });
            await sending.then(
              ({ id }) => accepted.push(id),
              (error: unknown) => refusals.push(error),
            );
          }
        }
        // Messages lost in the last cut are sent again, until none are left.
        for (let round = 0; round < 3 * steps.length + 6; round++) {
          if (round % 3 === 0) {
            link.cut();
            link.restore();
          }
          await settled();
        }
        expect(handled.toSorted()).toEqual(accepted.toSorted());
        expect(new Set(answered).size).toBe(answered.length);
        const unanswered = accepted.filter((id) => !answered.includes(id));
        expect(acknowledge === "outcome" ? unanswered : []).toEqual([]);
        expect(refusals.every((error) => error instanceof NotConnectedError)).toBe(true);
      }),
      { numRuns: gateOrSoak(100, 1500) },
    );
  });
});

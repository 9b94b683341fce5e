import { gateOrSoak } from "@parley/test-assertions";
import { describe, expect, it } from "vitest";
import { inspectMessage } from "../../src/index.ts";
import { describeVectors, fromHex } from "../vectors.ts";
import { expectedAuthenticators, follow, type PassiveClient } from "./passive-client.ts";
import { passiveHistory } from "./passive-history.ts";

for (const name of ["passive-client-welcome", "passive-client-handling-commit"]) {
  describeVectors(name, (cases) => {
    it.each((cases as readonly PassiveClient[]).map((vector, i) => [i, vector] as const))("case %i", async (_, vector) => {
      expect(await follow(vector)).toEqual(expectedAuthenticators(vector));
    });
  });
}

const ROUNDS = gateOrSoak(1, 20);
const EPOCHS = gateOrSoak(8, 200);
/** P-521 and P-384 take ten times as long. */
const EPOCHS_OF_SLOW_SUITES = gateOrSoak(2, 200);

async function expectFollowed(client: PassiveClient): Promise<void> {
  expect(await follow(client)).toEqual(expectedAuthenticators(client));
}

describe("a passive client derives the epoch authenticators of a random history", () => {
  const cases = [1, 2, 3, 4, 5, 6, 7].flatMap((suite) =>
    Array.from({ length: (suite === 1 ? 4 : 1) * ROUNDS }, (_, round) => ({
      suite,
      seed: suite * 1000 + round,
      epochs: suite === 5 || suite === 7 ? EPOCHS_OF_SLOW_SUITES : EPOCHS,
      treeInWelcome: (suite + round) % 2 === 0,
      psksInWelcome: ((suite + round) >> 1) % 2 === 0,
    })),
  );

  it.each(cases)(
    "suite $suite, seed $seed, tree in the Welcome: $treeInWelcome, PSKs: $psksInWelcome",
    { timeout: 600_000 },
    async (options) => {
      const { client } = await passiveHistory(options);
      expect(client.ratchet_tree === null).toBe(options.treeInWelcome);
      await expectFollowed(client);
    },
  );

  it("with all kinds of proposals and messages", { timeout: 600_000 }, async () => {
    const options = { suite: 1, seed: 1, epochs: Math.max(40, EPOCHS), treeInWelcome: false, psksInWelcome: true };
    const { client, committed } = await passiveHistory(options);
    await expectFollowed(client);
    const messages = client.epochs.flatMap(({ proposals, commit }) => [...proposals, commit]);
    expect(new Set(messages.map((message) => inspectMessage(fromHex(message)).kind))).toEqual(new Set(["private", "public"]));
    expect([...committed].toSorted()).toEqual([
      "add by reference",
      "add by value",
      "external psk by reference",
      "external psk by value",
      "group_context_extensions by reference",
      "group_context_extensions by value",
      "remove by reference",
      "remove by value",
      "resumption psk by reference",
      "resumption psk by value",
      "update by reference",
    ]);
  });
});

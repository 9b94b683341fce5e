import { LmdbEnvironment } from "@parley/storage-lmdb";
import fc from "fast-check";
import { expect, it } from "vitest";
import { temporaryDirectory } from "@parley/test-assertions";
import { LmdbOutboundStore } from "../../../src/federation/outbound/lmdb-outbound-store.ts";
import type { Outbound } from "../../../src/federation/outbound/outbound.ts";
import { outboundLimits } from "../../../src/federation/outbound/outbound-limits.ts";
import { SCHEMA } from "../../../src/open-stores.ts";
import { Harness } from "./harness.ts";
import type { RemoteResponse } from "./partner.ts";

/** What the other nodes do with one POST. */
type Deed = "take" | "take and reset" | "reset" | "later" | "refuse";

const DEEDS: Readonly<Record<Deed, RemoteResponse>> = {
  take: (_, response) => response.writeHead(202).end(),
  // The answer is lost, as in a crash of either side: what has been taken is sent again.
  "take and reset": (_, response) => response.socket?.destroy(),
  reset: (_, response) => response.socket?.destroy(),
  later: (_, response) => response.writeHead(503).end(),
  refuse: (_, response) => response.writeHead(403).end(),
};

type Step = { readonly kind: "send"; readonly pair: number } | { readonly kind: "restart" };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 9, arbitrary: fc.record({ kind: fc.constant("send" as const), pair: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("restart" as const) }) },
);
const deed: fc.Arbitrary<Deed> = fc.constantFrom("take", "take", "take", "take and reset", "reset", "later", "refuse");

it("in random histories with crashes, each message is delivered at least once or dead-lettered exactly once, in the order of its pair", async () => {
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 60 }), fc.array(deed, { maxLength: 100 }), run), {
    numRuns: 15,
  });
});

async function run(steps: readonly Step[], deeds: readonly Deed[]): Promise<void> {
  const harness = new Harness();
  const directory = await temporaryDirectory();
  let environment: LmdbEnvironment | undefined;
  const open = async (): Promise<Outbound> => {
    environment = await LmdbEnvironment.open(directory.path, SCHEMA);
    return harness.open({ store: await LmdbOutboundStore.open(environment, outboundLimits()), limits: { closeMs: 1 } });
  };
  try {
    const nodes = [await harness.partner(), await harness.partner()];
    const recipients = nodes.flatMap((node) => [node.agent("bob"), node.agent("carol")]);
    const senders = [harness.alice, harness.sender("eve")];
    const pairs = [0, 1, 2, 3, 4, 5].map((index) => ({ sender: senders[index % 2] ?? "", recipient: recipients[index % 4] ?? "" }));
    const taken = new Map<string, string[]>();
    let next = 0;
    for (const node of nodes) {
      node.answer = (arrival, response, request) => {
        const chosen = deeds[next++] ?? "take";
        const pair = `${arrival.sender} ${arrival.recipient}`;
        if (chosen.startsWith("take")) taken.set(pair, [...(taken.get(pair) ?? []), arrival.id]);
        DEEDS[chosen](arrival, response, request);
      };
    }
    const sent = new Map<string, string[]>();
    let queue = await open();
    for (const { kind, ...what } of steps) {
      if (kind === "restart") {
        await queue.close();
        await environment?.close();
        queue = await open();
        continue;
      }
      const { sender = "", recipient = "" } = pairs["pair" in what ? what.pair : 0] ?? {};
      const id = await harness.send(queue, recipient, { sender });
      sent.set(`${sender} ${recipient}`, [...(sent.get(`${sender} ${recipient}`) ?? []), id]);
    }
    const total = [...sent.values()].flat();
    await harness.until(() => new Set([...harness.delivered, ...harness.dead.map(({ id }) => id)]).size === total.length);
    await queue.close();
    expect(queue.depth().messages).toBe(0);
    const dead = harness.dead.map(({ id }) => id);
    expect(new Set(dead).size).toBe(dead.length);
    for (const [pair, ids] of sent) {
      // Copies are sent one after the other, before anything that comes after them.
      const arrived = (taken.get(pair) ?? []).filter((id, index, all) => index === 0 || id !== all[index - 1]);
      expect(arrived.filter((id) => !dead.includes(id))).toEqual(ids.filter((id) => !dead.includes(id)));
    }
  } finally {
    await harness.close();
    await environment?.close();
    await directory.remove();
  }
}

import fc from "fast-check";
import { gateOrSoak } from "@parley/test-assertions";
import { expect, it } from "vitest";
import { type Channel, type SkytaleClient, ChannelError } from "../src/index.ts";
import { bytes, channelOf, Harness, NAME, text } from "./support/harness.ts";

const RUNS = gateOrSoak(4, 100);
const STAYING = 3;

interface Agent {
  readonly name: string;
  readonly channel: Channel;
  readonly received: string[];
  readonly reading: Promise<void>;
}

/** Reads to the end, whatever ends it. */
async function readAll(channel: Channel, received: string[]): Promise<void> {
  try {
    for await (const message of channel.messages()) received.push(text(message));
  } catch (error) {
    if (!(error instanceof ChannelError) || error.code !== "removed") throw error;
  }
}

function agentOf(name: string, channel: Channel): Agent {
  const received: string[] = [];
  return { name, channel, received, reading: readAll(channel, received) };
}

const step = fc.record({
  kind: fc.constantFrom("send", "send", "send", "rotate", "add", "remove", "leave"),
  by: fc.nat({ max: STAYING - 1 }),
});

it(
  "agents that act concurrently agree on members, epoch and messages",
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(step, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 6 }), async (rounds) => {
        await using harness = await Harness.start();
        const clients = Array.from({ length: STAYING }, (_, i) => harness.client(`stays-${i}`));
        const channels = await channelOf(...(clients as [SkytaleClient, ...SkytaleClient[]]));
        const staying = channels.map((channel, i) => agentOf(`stays-${i}`, channel));
        const guests: Agent[] = [];
        const sent: string[][] = staying.map(() => []);
        let guestCount = 0;
        for (const round of rounds) {
          await Promise.all(
            round.map(async ({ kind, by }) => {
              const { channel } = staying[by] as Agent;
              if (kind === "send") {
                const message = `${by}:${sent[by]?.length}`;
                sent[by]?.push(message);
                await channel.send(bytes(message));
              } else if (kind === "rotate") await channel.rotateKey();
              else if (kind === "add") {
                const name = `guest-${guestCount++}`;
                const client = harness.client(name);
                const welcome = await channel.addMember(await client.generateKeyPackage());
                guests.push(agentOf(name, await client.joinChannel(NAME, welcome)));
              } else {
                const guest = guests.pop();
                if (guest === undefined) return;
                await (kind === "remove" ? channel.removeMember(guest.name) : guest.channel.leave());
                await guest.reading;
              }
            }),
          );
        }
        const present = [...staying, ...guests];
        // Guests have changed their keys before long; the group is at rest once all are in one epoch.
        await expect.poll(() => new Set(present.map(({ channel }) => channel.epoch)).size).toBe(1);
        for (const { channel } of present) expect(channel.members).toHaveLength(present.length);
        const expected = sent.flat().toSorted();
        for (const [i, { received }] of staying.entries()) {
          const others = expected.filter((message) => !message.startsWith(`${i}:`));
          await expect.poll(() => received.length).toBe(others.length);
          expect(received.toSorted()).toEqual(others);
        }
        const [first, second, third] = staying.map(({ received }) => received);
        const common = (a: readonly string[] = [], b: readonly string[] = []): string[] => a.filter((message) => b.includes(message));
        expect(common(first, second)).toEqual(common(second, first));
        expect(common(second, third)).toEqual(common(third, second));
      }),
      { numRuns: RUNS, timeout: 120_000 },
    );
  },
  gateOrSoak(240_000, 3_600_000),
);

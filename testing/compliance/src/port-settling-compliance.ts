import { setImmediate } from "node:timers/promises";
import { type EnvelopePort, Protocol } from "@parley/envelope-and-adapters";
import { describe, expect, it } from "vitest";
import type { PortHarness } from "./port-harness.ts";
import { contentOf, contents, envelope, take } from "./port-support.ts";

/** Registers vitest tests of `settle: "manual"`. Called by {@link portCompliance}. */
export function portSettlingCompliance(start: () => Promise<PortHarness>): void {
  const sendAll = async (port: EnvelopePort, ...all: readonly string[]): Promise<void> => {
    for (const content of all) await port.send(envelope(content));
  };
  const manual = { settle: "manual" } as const;

  describe("manual settlement", () => {
    it("is available only with settle: manual, and idempotent", async () => {
      const { ports } = await start();
      const [byHand, other] = [ports[1].receive(manual), ports[1].receive({ settle: "on-delivery" })];
      await sendAll(ports[0], "a");
      const [[mine], [theirs]] = [await take(byHand, 1), await take(other, 1)];
      await mine?.settle?.();
      await mine?.settle?.();
      expect(mine?.settle).toBeTypeOf("function");
      expect(theirs).not.toHaveProperty("settle");
    });

    it.each(["return", "signal"])(
      "redelivers unsettled envelopes to the next subscriber, in order and with the same ids (%s)",
      async (by) => {
        const { ports } = await start();
        const abort = new AbortController();
        const first = ports[1].receive({ ...manual, signal: abort.signal });
        await sendAll(ports[0], "a", "b", "c", "d", "e");
        const before = await take(first, 4);
        await before[1]?.settle?.();
        if (by === "return") await first.return?.();
        else abort.abort();
        const second = ports[1].receive(manual);
        await sendAll(ports[0], "f");
        const after = await take(second, 5);
        expect(after.map(contentOf)).toEqual(["a", "c", "d", "e", "f"]);
        expect(after.slice(0, 3).map(({ id }) => id)).toEqual([before[0], before[2], before[3]].map((each) => each?.id));
      },
    );

    it("redelivers unsettled envelopes once to a subscriber that settles on delivery", async () => {
      const { ports } = await start();
      const first = ports[1].receive(manual);
      await sendAll(ports[0], "a", "b");
      await take(first, 2);
      await first.return?.();
      const second = ports[1].receive();
      expect(await contents(second, 2)).toEqual(["a", "b"]);
      await second.return?.();
      const third = ports[1].receive();
      await sendAll(ports[0], "c");
      expect(await contents(third, 1)).toEqual(["c"]);
    });

    it("can happen after the subscription, if no other subscriber received the envelope", async () => {
      const { ports } = await start();
      const first = ports[1].receive(manual);
      await sendAll(ports[0], "a", "b");
      const [a] = await take(first, 2);
      await first.return?.();
      await a?.settle?.();
      expect(await contents(ports[1].receive(manual), 1)).toEqual(["b"]);
    });

    it("can happen in any order, across several subscriptions", async () => {
      const { ports } = await start();
      let left = ["a", "b", "c", "d", "e", "f"];
      const inbound = ports[1].receive(manual);
      await sendAll(ports[0], ...left);
      await take(inbound, left.length);
      await inbound.return?.();
      for (const index of [3, 0, 3, 1]) {
        const again = ports[1].receive(manual);
        const got = await take(again, left.length);
        expect(got.map(contentOf)).toEqual(left);
        await got[index]?.settle?.();
        await again.return?.();
        left = left.filter((_, at) => at !== index);
      }
    });

    it("applies per protocol: unsettled envelopes wait for a subscriber of their protocol", async () => {
      const { ports } = await start();
      const first = ports[1].receive(manual);
      await ports[0].send(envelope("raw"));
      await ports[0].send(envelope("mcp", Protocol.MCP));
      await take(first, 2);
      await first.return?.();
      expect(await contents(ports[1].receive({ ...manual, protocol: Protocol.MCP }), 1)).toEqual(["mcp"]);
      expect(await contents(ports[1].receive({ ...manual, protocol: Protocol.RAW }), 1)).toEqual(["raw"]);
    });

    it("applies per subscriber: no redelivery to subscribers that already received an envelope", async () => {
      const { ports } = await start();
      const [stays, leaves] = [ports[1].receive(manual), ports[1].receive(manual)];
      await sendAll(ports[0], "a", "b");
      const [mine] = [await take(stays, 2), await take(leaves, 2)];
      await leaves.return?.();
      const next = ports[1].receive(manual);
      await sendAll(ports[0], "c");
      expect(await contents(next, 3)).toEqual(["a", "b", "c"]);
      expect(await contents(stays, 1)).toEqual(["c"]);
      expect(mine.map(contentOf)).toEqual(["a", "b"]);
    });

    it("completes when all receivers of an envelope have settled it", async () => {
      const { ports } = await start();
      const [one, two] = [ports[1].receive(manual), ports[1].receive(manual)];
      await sendAll(ports[0], "a", "b");
      const [[a1, b1], [a2]] = [await take(one, 2), await take(two, 2)];
      await Promise.all([a1?.settle?.(), a2?.settle?.()]);
      const half = b1?.settle?.();
      await Promise.all([one.return?.(), two.return?.()]);
      await half;
      expect(await contents(ports[1].receive(manual), 1)).toEqual(["b"]);
    });

    it("limits unsettled envelopes per subscriber, and continues after a settlement", async () => {
      const { ports, maxBuffered } = await start();
      const inbound = ports[1].receive(manual);
      const witness = ports[2].receive();
      const sent = Array.from({ length: maxBuffered + 2 }, (_, index) => `${index}`);
      const sending = Promise.all(sent.map((content) => ports[0].send(envelope(content))));
      const got = await take(inbound, maxBuffered);
      let isMore = false;
      const more = inbound.next().then(({ value }) => {
        isMore = true;
        return value;
      });
      expect(await contents(witness, sent.length)).toEqual(sent);
      await setImmediate();
      expect(isMore).toBe(false);
      await got[7]?.settle?.();
      const extra = await more;
      expect(extra === undefined ? undefined : contentOf(extra)).toBe(`${maxBuffered}`);
      await Promise.all(got.map(async ({ settle }) => settle?.()));
      expect(await contents(inbound, 1)).toEqual([`${maxBuffered + 1}`]);
      await sending;
    });

    it("ends when the port is closed, even with unsettled envelopes", async () => {
      const { ports, close } = await start();
      const inbound = ports[1].receive(manual);
      await sendAll(ports[0], "a");
      await take(inbound, 1);
      const waiting = inbound.next();
      await close();
      expect(await waiting).toEqual({ done: true, value: undefined });
    });

    it("cannot be combined with overflow: drop-oldest", async () => {
      const { ports } = await start();
      expect(() => ports[1].receive({ ...manual, overflow: "drop-oldest" })).toThrow(TypeError);
    });
  });
}

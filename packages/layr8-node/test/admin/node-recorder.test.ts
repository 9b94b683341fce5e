import type { AdminEvent } from "@parley/server-kit";
import { describe, expect, it } from "vitest";
import { MessageBudget } from "../../src/admin/message-budget.ts";
import { NodeRecorder } from "../../src/admin/node-recorder.ts";
import type { InboxMessage } from "../../src/inbox/inbox.ts";
import type { RoutedMessage } from "../../src/routing/routed-message.ts";

describe("message budget", () => {
  it("allows 150 messages in each window of 100 ms, and counts the others", () => {
    const budget = new MessageBudget();
    const taken = (count: number, now: number): number => Array.from({ length: count }, () => budget.take(now)).filter(Boolean).length;
    expect(taken(500, 1000)).toBe(150);
    expect(taken(10, 1099)).toBe(0);
    expect(taken(10, 1100)).toBe(10);
    expect(budget.takeOmitted()).toBe(360);
    expect(budget.takeOmitted()).toBe(0);
  });
});

describe("node recorder", () => {
  it("counts all messages of a flood, records some of them whole, and tells how many it has left out", () => {
    const recorded: AdminEvent[] = [];
    const recorder = new NodeRecorder((event) => recorded.push(event), { keepsBodies: false, now: () => 1000 });
    const events = recorder.observe({ onDelivered: () => {}, onDead: () => {}, onDropped: () => {}, onFailure: () => {} });
    const total = 20_000;
    for (let number = 0; number < total; number++) {
      const message = { id: `${number}`, type: "https://example.com/chat/1.0/text", from: "did:web:a", recipient: "did:web:b" };
      const about = { ...message, sender: message.from, recipients: [message.recipient], text: "{}", remote: false };
      events.onAccepted?.(about as unknown as RoutedMessage);
      events.onDelivered(message as unknown as InboxMessage, 1);
      // A failed one is always shown.
      events.onSettled?.(message as unknown as InboxMessage, number === total - 1 ? "error" : "handled", 1);
    }
    expect(recorder.oldestWaiting).toBeUndefined();
    expect(recorder.sample()).toMatchObject({ acceptedTotal: total, deliveredTotal: total, settledTotal: total });
    const ids = (kind: AdminEvent["kind"]): unknown[] => recorded.flatMap((event) => (event.kind === kind ? [event.id] : []));
    const whole = ids("accepted");
    expect(whole).toHaveLength(150);
    expect(ids("delivered")).toEqual(whole);
    expect(new Set(ids("settled"))).toEqual(new Set([...whole, `${total - 1}`]));
    expect(recorded.at(-1)).toEqual({ kind: "omitted", count: total - 150 });
  });
});

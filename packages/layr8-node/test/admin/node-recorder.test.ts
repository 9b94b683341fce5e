import type { AdminEvent } from "@parley/server-kit";
import { describe, expect, it } from "vitest";
import { MessageBudget } from "../../src/admin/message-budget.ts";
import { NodeRecorder } from "../../src/admin/node-recorder.ts";
import type { InboxMessage } from "../../src/inbox/inbox.ts";
import type { RoutedMessage } from "../../src/routing/routed-message.ts";

describe("message budget", () => {
  it("allows 100 messages in each window of 100 ms, and counts the others", () => {
    const budget = new MessageBudget();
    const taken = (count: number, now: number): number => Array.from({ length: count }, () => budget.take(now)).filter(Boolean).length;
    expect(taken(500, 1000)).toBe(100);
    expect(taken(10, 1099)).toBe(0);
    expect(taken(10, 1100)).toBe(10);
    expect(budget.takeOmitted()).toBe(410);
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
    expect(whole).toHaveLength(100);
    expect(ids("delivered")).toEqual(whole);
    expect(new Set(ids("settled"))).toEqual(new Set([...whole, `${total - 1}`]));
    expect(recorded.at(-1)).toEqual({ kind: "omitted", count: total - 100 });
  });

  it("records the events of each recipient of a message, also in a flood", () => {
    const recorded: AdminEvent[] = [];
    const recorder = new NodeRecorder((event) => recorded.push(event), { keepsBodies: false, now: () => 1000 });
    const events = recorder.observe({ onDelivered: () => {}, onDead: () => {}, onDropped: () => {}, onFailure: () => {} });
    const recipients = ["did:web:b", "did:web:c"];
    const accept = (id: string): void => events.onAccepted?.({ id, recipients, text: "{}" } as unknown as RoutedMessage);
    accept("first");
    for (let number = 0; number < 200; number++) accept(`${number}`);
    for (const recipient of recipients) {
      const message = { id: "first", recipient } as unknown as InboxMessage;
      expect(recorder.oldestWaiting).toBe(1000);
      events.onDelivered(message, 1);
      events.onSettled?.(message, "handled", 1);
    }
    const ofFirst = recorded.filter(({ id }) => id === "first").map(({ kind, to }) => [kind, to]);
    expect(ofFirst).toEqual([
      ["accepted", recipients],
      ["delivered", ["did:web:b"]],
      ["settled", ["did:web:b"]],
      ["delivered", ["did:web:c"]],
      ["settled", ["did:web:c"]],
    ]);
  });

  it("does not wait for a message that was settled while it was being stored", () => {
    const recorder = new NodeRecorder(() => {}, { keepsBodies: false, now: () => 1000 });
    const events = recorder.observe({ onDelivered: () => {}, onDead: () => {}, onDropped: () => {}, onFailure: () => {} });
    const settle = (recipient: string): void => events.onSettled?.({ id: "fast", recipient } as unknown as InboxMessage, "handled", 1);
    settle("did:web:b");
    events.onAccepted?.({ id: "fast", recipients: ["did:web:b", "did:web:c"], text: "{}" } as unknown as RoutedMessage);
    expect(recorder.oldestWaiting).toBe(1000);
    settle("did:web:c");
    expect(recorder.oldestWaiting).toBeUndefined();
    events.onAccepted?.({ id: "purged", recipients: ["did:web:b"], text: "{}" } as unknown as RoutedMessage);
    recorder.clearWaiting();
    expect(recorder.sample()).toMatchObject({ oldestMs: 0 });
  });

  it("records the events of messages that were accepted before the start", () => {
    const recorded: AdminEvent[] = [];
    const recorder = new NodeRecorder((event) => recorded.push(event), { keepsBodies: false });
    const events = recorder.observe({ onDelivered: () => {}, onDead: () => {}, onDropped: () => {}, onFailure: () => {} });
    const message = { id: "waiting", recipient: "did:web:b" } as unknown as InboxMessage;
    events.onDelivered(message, 1);
    events.onSettled?.(message, "handled", 1);
    recorder.remoteSent({
      id: "queued",
      type: "https://example.com/chat/1.0/text",
      sender: "did:web:a",
      recipient: "did:web:partner.example:b",
    });
    expect(recorded.map(({ kind, id }) => [kind, id])).toEqual([
      ["delivered", "waiting"],
      ["settled", "waiting"],
      ["remote-sent", "queued"],
    ]);
  });
});

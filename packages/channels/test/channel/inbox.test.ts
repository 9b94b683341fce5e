import { createMlsEngine, memoryStore, type MlsGroup, unsafeAcceptAnyCredential } from "@parley/mls-engine";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Inbox } from "../../src/channel/inbox.ts";
import { type ChannelMessage, decodeStored, encodeStored } from "../../src/channel/channel-message.ts";
import { INBOX_PREFIX } from "../../src/channel/rows.ts";

const LIMITS = { maxMessages: 3, maxBytes: 100 };

let group: MlsGroup;
let inbox: Inbox;

beforeEach(async () => {
  const engine = await createMlsEngine({ identity: "a", store: memoryStore(), authenticate: unsafeAcceptAnyCredential });
  group = await engine.createGroup(new Uint8Array([1]));
  inbox = new Inbox(group, LIMITS, () => undefined);
});

afterEach(async () => {
  await group.close();
});

function message(sequence: number, size = 1): ChannelMessage {
  const fields = { sender: new Uint8Array([7]), senderKey: new Uint8Array(32), id: "A".repeat(22), sequence, epoch: 1n, recordedAt: 0 };
  return decodeStored(encodeStored({ data: new Uint8Array(size), ...fields })) as ChannelMessage;
}

async function put(...messages: readonly ChannelMessage[]): Promise<void> {
  for (const added of messages) {
    await group.writeRows([inbox.row(added)]);
    inbox.add(added);
  }
}

async function take(iterator: AsyncIterator<ChannelMessage, undefined>): Promise<number | undefined> {
  return (await iterator.next()).value?.sequence;
}

const stored = (): number => group.rowKeys(INBOX_PREFIX).length;

describe("an inbox", () => {
  it("keeps a message until the next one is requested", async () => {
    await put(message(1), message(2));
    const messages = inbox.iterate();
    expect(await take(messages)).toBe(1);
    expect(stored()).toBe(2);
    expect(await take(messages)).toBe(2);
    await expect.poll(stored).toBe(1);
  });

  it("settles the current message when the iteration ends", async () => {
    await put(message(1), message(2));
    for await (const { sequence } of inbox.iterate()) if (sequence === 1) break;
    expect(stored()).toBe(1);
    expect(await take(inbox.iterate())).toBe(2);
  });

  it("returns unsettled messages in order after a restart", async () => {
    await put(message(1), message(2), message(3));
    const messages = inbox.iterate();
    await take(messages);
    await take(messages);
    await inbox.close();
    inbox = new Inbox(group, LIMITS, () => undefined);
    await put(message(4));
    const again = inbox.iterate();
    expect([await take(again), await take(again), await take(again)]).toEqual([2, 3, 4]);
  });

  it("delivers a new message to a pending call of next()", async () => {
    const next = inbox.iterate().next();
    await put(message(1));
    expect((await next).value).toMatchObject({ sequence: 1 });
  });

  it("is full at either limit, and accepts messages after one was settled", async () => {
    await put(message(1), message(2), message(3));
    expect(inbox.isFull).toBe(true);
    const notFull = inbox.whenNotFull();
    const messages = inbox.iterate();
    await take(messages);
    expect(inbox.isFull).toBe(true);
    await take(messages);
    await notFull;
    expect(inbox.isFull).toBe(false);
    await put(message(4, 1000));
    expect(inbox.isFull).toBe(true);
  });

  it("accepts one message of any size", async () => {
    expect(inbox.isFull).toBe(false);
    await put(message(1, 1000));
    expect(inbox.isFull).toBe(true);
    const messages = inbox.iterate();
    await take(messages);
    const next = messages.next();
    expect(inbox.isFull).toBe(false);
    inbox.end();
    expect(await next).toEqual({ done: true, value: undefined });
  });

  it("ends with an error after the last message, or without one", async () => {
    await put(message(1));
    inbox.end(new Error("the end"));
    const messages = inbox.iterate();
    expect(await take(messages)).toBe(1);
    await expect(messages.next()).rejects.toThrow("the end");
    expect(await messages.next()).toEqual({ done: true, value: undefined });
  });

  it("allows one iteration and one pending call at a time", async () => {
    const messages = inbox.iterate();
    expect(() => inbox.iterate()).toThrow(TypeError);
    const waiting = messages.next();
    await expect(messages.next()).rejects.toThrow(TypeError);
    await messages.return?.();
    expect(await waiting).toEqual({ done: true, value: undefined });
    await put(message(1));
    expect(await take(inbox.iterate())).toBe(1);
  });

  it("counts a taken message until it is settled", async () => {
    await put(message(1), message(2), message(3));
    const first = inbox.takeFirst(() => true);
    const third = inbox.takeFirst(({ sequence }) => sequence === 3);
    expect([first?.message.sequence, third?.message.sequence]).toEqual([1, 3]);
    expect(inbox.takeFirst(({ sequence }) => sequence === 3)).toBeUndefined();
    expect(inbox.isFull).toBe(true);
    const notFull = inbox.whenNotFull();
    const released = inbox.settle(third === undefined ? [] : [third]);
    expect(inbox.isFull).toBe(false);
    await notFull;
    await released;
    expect(stored()).toBe(2);
  });

  it("returns a message that was given back in its position", async () => {
    await put(message(1), message(2), message(3));
    const [one, two] = [inbox.takeFirst(() => true), inbox.takeFirst(() => true)];
    for (const item of [two, one, two]) if (item !== undefined) inbox.giveBack(item);
    expect(inbox.take().map(({ message: { sequence } }) => sequence)).toEqual([1, 2, 3]);
    expect(inbox.isFull).toBe(false);
  });

  it("drops a message that is settled after it was given back", async () => {
    await put(message(1), message(2));
    const one = inbox.takeFirst(() => true);
    if (one !== undefined) {
      inbox.giveBack(one);
      await inbox.settle([one]);
    }
    expect(inbox.take().map(({ message: { sequence } }) => sequence)).toEqual([2]);
    expect(stored()).toBe(1);
  });

  it("settles concurrent messages in few writes, all of them before it closes", async () => {
    inbox = new Inbox(group, { maxMessages: 100, maxBytes: 1000 }, () => undefined);
    await put(...Array.from({ length: 50 }, (_, index) => message(index)));
    const writes = vi.spyOn(group, "writeRows");
    for (const item of inbox.take()) void inbox.settle([item]);
    await inbox.close();
    expect(stored()).toBe(0);
    expect(writes.mock.calls.length).toBeLessThanOrEqual(2);
  });

  it("reports when settled messages cannot be deleted", async () => {
    const failures: unknown[] = [];
    inbox = new Inbox(group, LIMITS, (error) => failures.push(error));
    await put(message(1));
    const items = inbox.take();
    await group.close();
    await expect(inbox.settle(items)).rejects.toMatchObject({ code: "closed" });
    expect(failures).toHaveLength(1);
  });

  it("does not accept returned messages once it is closed", async () => {
    await put(message(1));
    const [item] = inbox.take();
    await inbox.close();
    if (item !== undefined) inbox.giveBack(item);
    expect(inbox.take()).toEqual([]);
    expect(stored()).toBe(1);
  });
});

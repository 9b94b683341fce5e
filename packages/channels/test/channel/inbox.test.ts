import { createMlsEngine, memoryStore, type MlsGroup, unsafeAcceptAnyCredential } from "@parley/mls-engine";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Inbox } from "../../src/channel/inbox.ts";
import type { ChannelMessage } from "../../src/channel/message.ts";
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
  return { data: new Uint8Array(size), sender: new Uint8Array([7]), sequence, epoch: 1n, recordedAt: 0 };
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
  it("keeps a message until the next one is asked for", async () => {
    await put(message(1), message(2));
    const messages = inbox.iterate();
    expect(await take(messages)).toBe(1);
    expect(stored()).toBe(2);
    expect(await take(messages)).toBe(2);
    await expect.poll(stored).toBe(1);
  });

  it("takes what was in hand as done when the iteration ends", async () => {
    await put(message(1), message(2));
    for await (const { sequence } of inbox.iterate()) if (sequence === 1) break;
    expect(stored()).toBe(1);
    expect(await take(inbox.iterate())).toBe(2);
  });

  it("has after a restart what was not taken, in order", async () => {
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

  it("gives a message at once to who waits for it", async () => {
    const next = inbox.iterate().next();
    await put(message(1));
    expect((await next).value).toMatchObject({ sequence: 1 });
  });

  it("is full at either limit, and has room once something was taken", async () => {
    await put(message(1), message(2), message(3));
    expect(inbox.isFull).toBe(true);
    const room = inbox.room();
    const messages = inbox.iterate();
    await take(messages);
    expect(inbox.isFull).toBe(true);
    await take(messages);
    await room;
    expect(inbox.isFull).toBe(false);
    await put(message(4, 1000));
    expect(inbox.isFull).toBe(true);
  });

  it("takes in one message of any size", async () => {
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

  it("ends with an error after what is there, and lets others end in peace", async () => {
    await put(message(1));
    inbox.end(new Error("the end"));
    const messages = inbox.iterate();
    expect(await take(messages)).toBe(1);
    await expect(messages.next()).rejects.toThrow("the end");
    expect(await messages.next()).toEqual({ done: true, value: undefined });
  });

  it("has one iteration at a time, and one who waits", async () => {
    const messages = inbox.iterate();
    expect(() => inbox.iterate()).toThrow(TypeError);
    const waiting = messages.next();
    await expect(messages.next()).rejects.toThrow(TypeError);
    await messages.return?.();
    expect(await waiting).toEqual({ done: true, value: undefined });
    await put(message(1));
    expect(await take(inbox.iterate())).toBe(1);
  });
});

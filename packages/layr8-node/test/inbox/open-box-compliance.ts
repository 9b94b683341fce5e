import { expect, it } from "vitest";
import { ALICE, ALL, BOB, Listener, type InboxHarness } from "./inbox-harness.ts";

/** Registers tests of what an inbox passes to the listener of an open box, and of boxes that are not open. */
export function openBoxCompliance(harness: InboxHarness): void {
  const { message, append, store, ids } = harness;

  it("shows the messages of a box without taking it over", async () => {
    const listener = new Listener();
    const opened = await harness.inbox.open(ALICE, listener);
    const sent = message();
    await append(sent);
    const peeked = await (await harness.inbox.peek(ALICE)).read(ALL);
    expect(peeked.map(({ id }) => id)).toEqual([sent.id]);
    expect(listener.lost).toBe(0);
    await opened.close();
  });

  it("passes each new message to the listener of an open box, in order, until the box is closed", async () => {
    await store({ id: "before" });
    const listener = new Listener();
    const opened = await harness.inbox.open(ALICE, listener);
    await Promise.all(["1", "2", "3"].map((id) => append(message({ id }))));
    await append(message({ recipient: BOB }));
    await expect.poll(() => listener.messages.map(({ id }) => id)).toEqual(["1", "2", "3"]);
    expect(listener.messages).toEqual((await opened.read(ALL)).slice(1));
    await opened.close();
    await append(message());
    expect(await ids()).toHaveLength(5);
    expect(listener.messages).toHaveLength(3);
  });

  it("reads a message that was appended just before the box was opened", async () => {
    const appending = append(message({ id: "early" }));
    const listener = new Listener();
    const opened = await harness.inbox.open(ALICE, listener);
    const found = await opened.read(ALL);
    await appending;
    expect(new Set([...found, ...listener.messages].map(({ id }) => id))).toEqual(new Set(["early"]));
    expect((await opened.read(ALL)).map(({ id }) => id)).toEqual(["early"]);
  });

  it("gives a box to the last one that opens it, and keeps what the one before settles", async () => {
    const [first, second] = [new Listener(), new Listener()];
    const former = await harness.inbox.open(ALICE, first);
    await append(message({ id: "1" }));
    const [stored] = await former.read(ALL);
    const latter = await harness.inbox.open(ALICE, second);
    await expect.poll(() => first.lost).toBe(1);
    await append(message({ id: "2" }));
    await expect.poll(() => second.messages.map(({ id }) => id)).toEqual(["2"]);
    expect(first.messages.map(({ id }) => id)).toEqual(["1"]);
    await former.settle([stored?.seq ?? 0]);
    await expect.poll(async () => (await latter.read(ALL)).map(({ id }) => id)).toEqual(["2"]);
    await former.close();
    await append(message({ id: "3" }));
    await expect.poll(() => second.messages.map(({ id }) => id)).toEqual(["2", "3"]);
    expect(second.lost).toBe(0);
  });

  it("finds expired messages: of boxes that are not open in pages, of others by their listener", async () => {
    await append(message({ id: "late", expiresAt: harness.now() + 5000 }));
    await append(message({ id: "later", expiresAt: harness.now() + 50_000 }));
    await append(message({ recipient: BOB, expiresAt: harness.now() + 5000 }));
    const listener = new Listener();
    await harness.inbox.open(BOB, listener);
    const found = async (): Promise<string[]> => {
      const all: string[] = [];
      for await (const { box: unopened, messages } of harness.inbox.expired(harness.now())) {
        all.push(...messages.map(({ id }) => id));
        await unopened.settle(messages.map(({ seq }) => seq));
      }
      return all;
    };
    expect(await found()).toEqual([]);
    harness.advance(7000);
    expect(await found()).toEqual(["late"]);
    expect(listener.expired).toBe(1);
    harness.advance(2000);
    expect(await found()).toEqual([]);
    expect(listener.expired).toBe(2);
    expect(await ids()).toEqual(["later"]);
  });
}

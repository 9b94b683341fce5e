import { describeUnless } from "@parley/test-assertions";
import { missingNats } from "@parley/test-nats";
import { expect, it, onTestFinished } from "vitest";
import { JetstreamInbox } from "../../src/jetstream.ts";
import { boxOf } from "../inbox/box-of.ts";
import { useNats } from "./nats-servers.ts";

const recipient = "did:web:alice.example";
/** Messages, settled one at a time: more marks than remain. */
const COUNT = 1100;
const ALL = { after: 0, limit: 2 * COUNT, maxLength: 1_000_000 };

describeUnless(missingNats(1), "marks of a box", () => {
  const nats = useNats(1);

  it("become few, and still say what was settled", { timeout: 120_000 }, async () => {
    const prefix = nats.newPrefix();
    const open = async (instance: string) => {
      const connection = await nats.connect(prefix);
      const inbox = await JetstreamInbox.open(connection, { shards: 1, instance });
      onTestFinished(async () => {
        await inbox.close();
        await connection.close();
      });
      return { connection, inbox };
    };
    const { connection, inbox } = await open("a");
    const append = (id: string) =>
      inbox.append({
        recipient,
        id,
        from: "did:web:bob.example",
        type: "https://example.org/test/1.0/ping",
        authorized: true,
        plaintext: JSON.stringify({ id }),
        expiresAt: Date.now() + 600_000,
      });
    const ids = Array.from({ length: COUNT }, (_, index) => `m${index}`);
    await Promise.all([...ids, "waits"].map(append));
    const box = await boxOf(inbox, recipient);
    const messages = await box.read(ALL);
    await box.recordAttempts(messages.at(-1)?.seq ?? 0, 2);
    for (const { seq } of messages.slice(0, COUNT)) await box.settle([seq]);

    const { state } = await connection.jsm.streams.info(`${prefix}_marks_0`.toUpperCase());
    expect(state.messages).toBeLessThan(COUNT / 2);
    const other = await open("b");
    const taken = await boxOf(other.inbox, recipient);
    expect((await taken.read(ALL)).map(({ id, attempts }) => [id, attempts])).toEqual([["waits", 2]]);
    await Promise.all([...ids, "new"].map(append));
    await expect.poll(async () => (await taken.read(ALL)).map(({ id }) => id)).toEqual(["waits", "new"]);
  });
});

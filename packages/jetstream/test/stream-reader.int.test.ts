import { describeUnless } from "@parley/test-assertions";
import { missingNats, startNats } from "@parley/test-nats";
import { expect, it, onTestFinished } from "vitest";
import { ensureStreams, JetstreamConnection, publish, StreamReader } from "../src/index.ts";

// nats-server 2.10, which tests with three servers use, finds no last message of a subject whose last one was deleted.
for (const count of [1, 3] as const) {
  describeUnless(missingNats(count), `messages of a stream on ${count} NATS server(s)`, () => {
    it("have a last one after that of its subject was deleted", { timeout: 120_000 }, async () => {
      const nats = await startNats({ count });
      onTestFinished(() => nats.stop());
      const connection = await JetstreamConnection.connect({ servers: nats.urls, prefix: "t", replicas: count });
      onTestFinished(() => connection.close());
      const stream = "T_TEST";
      await ensureStreams(connection, [{ name: stream, subjects: ["t.test.*"] }]);
      const reader = new StreamReader(connection, stream);
      const lastOf = async (subject: string) => {
        const found = await reader.last(subject);
        return found && [found.seq, Buffer.from(found.body ?? []).toString()];
      };
      expect(await lastOf("t.test.a")).toBeUndefined();
      for (const [text, subject] of [
        ["first", "a"],
        ["second", "a"],
        ["other", "b"],
        ["third", "a"],
      ] as const) {
        await publish(connection, Buffer.from(text), { stream, subject: `t.test.${subject}` });
      }
      expect(await lastOf("t.test.a")).toEqual([4, "third"]);
      await connection.jsm.streams.deleteMessage(stream, 4);
      expect(await lastOf("t.test.a")).toEqual([2, "second"]);
      expect(await lastOf("t.test.*")).toEqual([3, "other"]);
      await connection.jsm.streams.deleteMessage(stream, 3);
      expect(await lastOf("t.test.*")).toEqual([2, "second"]);
      for (const seq of [1, 2]) await connection.jsm.streams.deleteMessage(stream, seq);
      expect(await lastOf("t.test.a")).toBeUndefined();
      expect(await lastOf("t.test.*")).toBeUndefined();
    });
  });
}

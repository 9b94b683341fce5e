import { describeUnless } from "@parley/test-assertions";
import { missingNats, startNats } from "@parley/test-nats";
import { expect, it, onTestFinished } from "vitest";
import { ensureStreams, JetstreamConnection, publish, type StreamMessage, StreamReader } from "../src/index.ts";

const stream = "T_TEST";

/** A stream on new NATS servers. */
async function openStream(count: 1 | 3): Promise<{ readonly connection: JetstreamConnection; readonly reader: StreamReader }> {
  const nats = await startNats({ count });
  onTestFinished(() => nats.stop());
  const connection = await JetstreamConnection.connect({ servers: nats.urls, prefix: "t", replicas: count });
  onTestFinished(() => connection.close());
  await ensureStreams(connection, [{ name: stream, subjects: ["t.test.*"] }]);
  return { connection, reader: new StreamReader(connection, stream) };
}

// nats-server 2.10, which tests with three servers use, finds no last message of a subject whose last one was deleted.
for (const count of [1, 3] as const) {
  describeUnless(missingNats(count), `messages of a stream on ${count} NATS server(s)`, () => {
    it("end when those that a reader waits for were deleted", { timeout: 120_000 }, async () => {
      const { connection, reader } = await openStream(count);
      for (let message = 0; message < 3; message++) await publish(connection, Buffer.from("x"), { stream, subject: "t.test.a" });
      const seqs = async () => {
        const found: number[] = [];
        for await (const { seq } of reader.messages("t.test.a", 0, 3, false)) found.push(seq);
        return found;
      };
      expect(await seqs()).toEqual([1, 2, 3]);
      await connection.jsm.streams.deleteMessage(stream, 3);
      expect(await seqs()).toEqual([1, 2]);
      for (const seq of [1, 2]) await connection.jsm.streams.deleteMessage(stream, seq);
      expect(await seqs()).toEqual([]);
    });

    it("have a last one after that of its subject was deleted", { timeout: 120_000 }, async () => {
      const { connection, reader } = await openStream(count);
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

describeUnless(missingNats(1), "a stream that is followed with pauses", () => {
  it("is read in order, also after messages were removed in a pause", async () => {
    const { connection, reader } = await openStream(1);
    const send = async (count: number) => {
      for (let message = 0; message < count; message++) await publish(connection, Buffer.from("x"), { stream, subject: "t.test.a" });
    };
    await send(3);
    const end = new AbortController();
    const seqs: number[] = [];
    const follow = async () => {
      for await (const { seq } of reader.follow("t.test.a", 0, 100, end.signal)) seqs.push(seq);
    };
    const following = follow();
    await expect.poll(() => seqs).toEqual([1, 2, 3]);
    await send(10);
    await connection.jsm.streams.purge(stream, { seq: 13 });
    await send(1);
    await expect.poll(() => seqs.at(-1)).toBe(14);
    expect(seqs.slice(-2)).toEqual([13, 14]);
    expect(seqs).toEqual([...new Set(seqs)].toSorted((left, right) => left - right));
    end.abort();
    await following;
  });
});

describeUnless(missingNats(3), "a stream on three NATS servers", () => {
  it.each([undefined, 10])(
    "is read on when the server of the consumer does not go on, with pauses of %s ms",
    { timeout: 300_000 },
    async (pauseMs) => {
      const nats = await startNats({ count: 3 });
      onTestFinished(() => nats.stop());
      const options = { prefix: "t", replicas: 3 } as const;
      const subject = "t.test.a";
      const setUp = await JetstreamConnection.connect({ servers: nats.urls, ...options });
      await ensureStreams(setUp, [{ name: stream, subjects: ["t.test.*"] }]);
      const leader = (await setUp.jsm.streams.info(stream)).cluster?.leader;
      await setUp.close();
      const connected = nats.urls.filter((_, index) => nats.servers[index]?.name === leader);
      const connection = await JetstreamConnection.connect({ servers: connected, ...options });
      onTestFinished(() => connection.close());
      const send = (text: string) => publish(connection, Buffer.from(text), { stream, subject });
      const reader = new StreamReader(connection, stream);

      /** Follows by a consumer that is on another server than the one to which this is connected. */
      const follow = async () => {
        for (;;) {
          const end = new AbortController();
          const following =
            pauseMs === undefined
              ? reader.messages(subject, 0, Number.POSITIVE_INFINITY, false, end.signal)
              : reader.follow(subject, 0, pauseMs, end.signal);
          const first = await following.next();
          for await (const { cluster } of connection.jsm.consumers.list(stream)) {
            const server = nats.servers.find(({ name }) => name === cluster?.leader && name !== leader);
            if (server !== undefined) return { first, following, end, server };
          }
          end.abort();
          await following.return(undefined);
        }
      };
      await send("first");
      const { first, following, end, server } = await follow();
      onTestFinished(() => end.abort());
      expect(seqOf(first)).toBe(1);
      await server.signal("SIGSTOP");
      await send("second");
      expect(seqOf(await following.next())).toBe(2);
      const some: number[] = [];
      for await (const { seq } of reader.messages(subject, 0, 2, false)) some.push(seq);
      expect(some).toEqual([1, 2]);
      await server.signal("SIGCONT");
    },
  );
});

function seqOf({ value }: IteratorResult<StreamMessage, void>): number | undefined {
  return value?.seq;
}

import { describeUnless } from "@parley/test-assertions";
import { missingNats, startNats } from "@parley/test-nats";
import { expect, it, onTestFinished } from "vitest";
import { ensureStreams, JetstreamConnection, publish } from "../src/index.ts";

const stream = "T_TEST";
const subject = "t.test.a";
const BODY = Buffer.from("x");

async function openStream(patienceMs?: number) {
  const nats = await startNats();
  onTestFinished(() => nats.stop());
  const connection = await JetstreamConnection.connect({ servers: nats.urls, prefix: "t", patienceMs });
  onTestFinished(() => connection.close());
  await ensureStreams(connection, [{ name: stream, subjects: ["t.test.*"] }]);
  const [server] = nats.servers;
  if (server === undefined) throw new Error("one server is started");
  return { connection, server };
}

describeUnless(missingNats(1), "a message for a stream", () => {
  it("is stored once, where the last one is the expected one", async () => {
    const { connection } = await openStream();
    const send = (expected: number) => publish(connection, BODY, { stream, subject, expected, headers: { "Test-Name": ["value"] } });
    expect(await Promise.all([send(0), send(0)])).toEqual([
      { ok: true, seq: 1 },
      { ok: false, reason: "unexpected" },
    ]);
    expect(await send(1)).toEqual({ ok: true, seq: 2 });
    const stored = await connection.jsm.streams.getMessage(stream, { seq: 2 });
    expect(stored?.header.get("Test-Name")).toBe("value");
    expect(Buffer.from(stored?.data ?? [])).toEqual(BODY);
  });

  it("is rejected if its subject belongs to another stream, or to none", async () => {
    const { connection } = await openStream(2000);
    await expect(publish(connection, BODY, { stream: "T_OTHER", subject })).rejects.toMatchObject({
      code: "storage_failed",
      message: expect.stringContaining("belongs to the stream T_TEST, not to T_OTHER") as string,
    });
    await expect(publish(connection, BODY, { stream, subject: "t.none" })).rejects.toMatchObject({ code: "storage_failed" });
  });

  it("is published again when it was not acknowledged in time", { timeout: 60_000 }, async () => {
    const { connection, server } = await openStream();
    await server.signal("SIGSTOP");
    const sent = [publish(connection, BODY, { stream, subject, expected: 0 }), publish(connection, BODY, { stream, subject: "t.test.b" })];
    await expect(connection.publish("t.test.c", BODY, { stream })).rejects.toMatchObject({ name: "TimeoutError" });
    await server.signal("SIGCONT");
    const [first, second] = await Promise.all(sent);
    // The first attempt may have been stored.
    expect(first).toSatisfy((stored: typeof first) => stored?.ok === true || stored?.reason === "unexpected");
    expect(second).toMatchObject({ ok: true });
    expect((await connection.jsm.streams.getMessage(stream, { last_by_subj: subject }))?.seq).toBeGreaterThan(0);
  });

  it("is rejected when the connection is closed before it is acknowledged", async () => {
    const { connection, server } = await openStream();
    await server.signal("SIGSTOP");
    const sent = publish(connection, BODY, { stream, subject });
    const closed = connection.close();
    await expect(sent).rejects.toMatchObject({ code: "storage_failed", message: "The connection to NATS is closed" });
    await server.signal("SIGCONT");
    await closed;
    await expect(publish(connection, BODY, { stream, subject })).rejects.toMatchObject({ code: "storage_failed" });
  });
});

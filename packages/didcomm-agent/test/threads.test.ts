import { getEventListeners } from "node:events";

import { RejectedError, type JsonObject, type MessageInit, type SendReceipt } from "@parley/core";
import { describe, expect, it, vi } from "vitest";
import { z } from "zod";

import {
  BodyError,
  DisconnectedError,
  ErrorKind,
  ProblemReportError,
  RequestTimeoutError,
  ServerRejectError,
  type RequestOptions,
} from "../src/index.ts";
import { ALICE, BOB, ECHO, ECHO_REPLY, plaintext, REPORT, settled, setUp } from "./support.ts";

const ask = { type: ECHO, to: ALICE, id: "ask" };
const answer = (members: JsonObject = {}) => plaintext({ type: ECHO_REPLY, thid: "ask", ...members });

async function connected() {
  const parts = setUp();
  await parts.client.connect();
  return { ...parts, connection: parts.transport.connection };
}

describe("request", () => {
  it("is its own thread, and resolves with the response, which is settled at once", async () => {
    const { client, connection } = await connected();
    const request = client.request({ ...ask, body: { n: 1 } }, { parentThread: "parent" });
    expect(connection.sent).toEqual([
      {
        id: "ask",
        type: ECHO,
        from: BOB,
        to: [ALICE],
        thid: "ask",
        pthid: "parent",
        body: { n: 1 },
        expires_time: expect.any(Number) as number,
        reply_expected: true,
      },
    ]);
    const delivered = connection.deliver(answer({ body: { n: 2 } }), "outcome", { recipient: BOB, authorized: true, attempt: 1 });
    const response = await request;
    expect(response).toMatchObject({ from: ALICE, threadId: "ask", body: { n: 2 }, context: { authorized: true, attempt: 1 } });
    expect(response.unmarshalBody()).toEqual({ n: 2 });
    expect(delivered.outcome).toEqual({ status: "handled" });
    await client.close();
  });

  it("keeps a thread that was given, on which one request waits at a time", async () => {
    const { client, connection } = await connected();
    const first = client.request({ type: ECHO, to: ALICE, threadId: "talk" });
    await expect(client.request({ type: ECHO, to: ALICE, threadId: "talk" })).rejects.toThrow(TypeError);
    connection.deliver(answer({ thid: "talk" }));
    await first;
    const second = client.request({ type: ECHO, to: ALICE, threadId: "talk" });
    connection.deliver(answer({ thid: "talk" }));
    await second;
    await client.close();
  });

  it("takes the response even before the node has accepted the request", async () => {
    const { client, connection } = await connected();
    connection.onSend = () => new Promise(() => {});
    const request = client.request(ask);
    connection.deliver(answer());
    expect((await request).type).toBe(ECHO_REPLY);
    await client.close();
  });

  it("matches by parent thread when the thread is another", async () => {
    const { client, connection } = await connected();
    const request = client.request(ask);
    connection.deliver(answer({ thid: "elsewhere", pthid: "ask" }));
    expect((await request).parentThreadId).toBe("ask");
    await client.close();
  });

  it.each([
    ["from another sender", { from: "did:example:mallory" }],
    ["from nobody", { from: undefined }],
    ["from another sender, by the parent thread", { from: "did:example:mallory", thid: "x", pthid: "ask" }],
    ["on another thread", { thid: "other" }],
    ["on no thread", { thid: undefined, id: "ask" }],
  ])("is not ended by a message %s", async (_name, members) => {
    const { client, connection, errors } = await connected();
    const request = client.request(ask);
    const delivered = connection.deliver(answer(members));
    await settled();
    expect(errors).toMatchObject([{ kind: ErrorKind.NO_HANDLER }]);
    expect(delivered.outcome).toEqual({ status: "pass" });
    connection.deliver(answer({ body: { real: true } }));
    expect((await request).body).toEqual({ real: true });
    await client.close();
  });

  it("takes a response whose sender names a key of its DID", async () => {
    const { client, connection } = await connected();
    const request = client.request({ ...ask, to: ["did:example:carol", ALICE] });
    connection.deliver(answer({ from: `${ALICE}#key-1` }));
    expect((await request).from).toBe(`${ALICE}#key-1`);
    await client.close();
  });

  it("can be sent to the own DID", async () => {
    const { client, transport } = setUp();
    client.handle(ECHO, () => ({ type: ECHO_REPLY, body: { by: "myself" } }));
    await client.connect();
    const { connection } = transport;
    connection.onSend = async (sent) => void connection.deliver(sent);
    expect((await client.request({ type: ECHO, to: BOB })).body).toEqual({ by: "myself" });
    await client.close();
  });

  it("keeps waiting when another sender reports a problem on its thread", async () => {
    const { client, connection } = await connected();
    const request = client.request(ask);
    connection.deliver(plaintext({ type: REPORT, from: "did:web:mallory.example", thid: "ask", body: { code: "e.p.msg", comment: "" } }));
    connection.deliver(answer({}));
    expect((await request).type).toBe(ECHO_REPLY);
    await client.close();
  });

  it.each([ALICE, BOB, undefined])("rejects on a problem report of the recipient, or of the own node (%s)", async (from) => {
    const { client, connection, errors } = await connected();
    const request = client.request(ask);
    const body = { code: "e.p.xfer.cant-process", comment: "No {1} for {2}", args: ["tea", "you"] };
    const delivered = connection.deliver(plaintext({ type: REPORT, from, thid: "other", pthid: "ask", body }));
    await expect(request).rejects.toBeInstanceOf(ProblemReportError);
    await expect(request).rejects.toMatchObject({
      code: "e.p.xfer.cant-process",
      comment: "No tea for you",
      rawComment: "No {1} for {2}",
      args: ["tea", "you"],
    });
    expect(delivered.outcome).toEqual({ status: "handled" });
    expect(errors).toEqual([]);
    await client.close();
  });

  it("rejects when the node refuses it, when the link breaks, when it is aborted", async () => {
    const { client, connection } = await connected();
    connection.onSend = () => Promise.reject(new RejectedError("rejected", "no", "unknown recipient"));
    await expect(client.request(ask)).rejects.toBeInstanceOf(ServerRejectError);
    connection.onSend = async () => {};
    const request = client.request(ask);
    connection.drop();
    await expect(request).rejects.toBeInstanceOf(DisconnectedError);
    connection.recover();
    const abort = new AbortController();
    const aborted = client.request(ask, { signal: abort.signal });
    abort.abort(new Error("enough"));
    await expect(aborted).rejects.toThrow("enough");
    await expect(client.request(ask, { signal: abort.signal })).rejects.toThrow("enough");
    await client.close();
  });

  it("times out, by default after 30 s, and leaves no timer", async () => {
    vi.useFakeTimers();
    try {
      const { client, connection } = await connected();
      const byDefault = expect(client.request(ask)).rejects.toMatchObject({ code: "request_timeout", threadId: "ask", retryable: true });
      await vi.advanceTimersByTimeAsync(29_999);
      expect(vi.getTimerCount()).toBe(1);
      await vi.advanceTimersByTimeAsync(1);
      await byDefault;
      const own = expect(client.request(ask, { timeoutMs: 10 })).rejects.toBeInstanceOf(RequestTimeoutError);
      await vi.advanceTimersByTimeAsync(10);
      await own;
      const endless = client.request(ask, { timeoutMs: Number.POSITIVE_INFINITY });
      const answered = client.request({ ...ask, id: "ask2" });
      connection.deliver(answer());
      connection.deliver(answer({ thid: "ask2" }));
      await Promise.all([endless, answered]);
      expect(vi.getTimerCount()).toBe(0);
      await client.close();
    } finally {
      vi.useRealTimers();
    }
  });

  it("takes a response that is late, reports it, and doesn't send it back as a problem", async () => {
    const { client, connection, errors } = await connected();
    await expect(client.request(ask, { timeoutMs: 1 })).rejects.toBeInstanceOf(RequestTimeoutError);
    const late = connection.deliver(answer());
    await settled();
    expect(late.outcome).toEqual({ status: "handled" });
    expect(errors).toMatchObject([{ kind: ErrorKind.NO_HANDLER, cause: { code: "late_response" } }]);
    await client.close();
  });

  it("passes on a message of another sender on the thread of an ended request", async () => {
    const { client, connection, errors } = await connected();
    await expect(client.request(ask, { timeoutMs: 1 })).rejects.toBeInstanceOf(RequestTimeoutError);
    const stray = connection.deliver(answer({ from: "did:example:mallory" }));
    await settled();
    expect(stray.outcome).toEqual({ status: "pass" });
    expect(errors).toMatchObject([{ kind: ErrorKind.NO_HANDLER, cause: { code: "no_handler" } }]);
    await client.close();
  });

  it("keeps the last thousand requests that ended without a response", async () => {
    const { client, connection } = await connected();
    connection.onSend = () => Promise.reject(new RejectedError("rejected", "no", "no"));
    for (let n = 0; n < 1025; n++) await expect(client.request({ ...ask, id: `ask-${n}` })).rejects.toThrow("no");
    const outcomes = ["ask-0", "ask-1", "ask-1024"].map((thid) => connection.deliver(answer({ thid })));
    await settled();
    expect(outcomes.map(({ outcome }) => outcome?.status)).toEqual(["pass", "handled", "handled"]);
    await client.close();
  });

  it.each<[unknown, RegExp]>([
    [{ timeoutMs: -1 }, /"timeoutMs" must be a number of milliseconds/],
    [{ timeoutMs: Number.NaN }, /"timeoutMs" must be/],
    [{ timeoutMs: "5" }, /"timeoutMs" must be/],
    [{ timeout: -1 }, /"timeout" must be a number of seconds/],
    [{ timeout: 1, timeoutMs: 1000 }, /the same duration/],
    [{ timeout_ms: 5 }, /Did you mean "timeoutMs"\?/],
    [{ parent_thread: "x" }, /Did you mean "parentThread"\?/],
    [{ schema: {} }, /Standard Schema/],
    [5, /Options must be an object, not a number/],
    [AbortSignal.timeout(60_000), /not an AbortSignal/],
  ])("rejects the options %j", async (options, problem) => {
    const { client, connection } = await connected();
    const rejection = expect(client.request(ask, options as RequestOptions)).rejects;
    await rejection.toThrow(TypeError);
    await expect(client.request(ask, options as RequestOptions)).rejects.toThrow(problem);
    expect(connection.sent).toEqual([]);
    await client.close();
  });

  it("takes its timeout in seconds too", async () => {
    const { client } = await connected();
    await expect(client.request(ask, { timeout: 0.031 })).rejects.toMatchObject({ code: "request_timeout", timeoutMs: 31 });
    await client.close();
  });

  it("expires with its timeout by default, and never before it", async () => {
    const { client, connection } = await connected();
    const sentBy = async (message: Partial<MessageInit>, options: RequestOptions) => {
      const request = client.request({ ...ask, ...message }, options);
      const sent = connection.sent.at(-1);
      connection.deliver(answer());
      await request;
      return sent?.["expires_time"];
    };
    for (const timeoutMs of [100, 999, 1000, 1500]) {
      const before = Date.now();
      const expires = Number(await sentBy({}, { timeoutMs })) * 1000;
      expect(expires).toBeGreaterThanOrEqual(before + timeoutMs);
      expect(expires).toBeLessThan(Date.now() + timeoutMs + 1000);
    }
    expect(await sentBy({ expiresTime: 4_000_000_000 }, { timeoutMs: 100 })).toBe(4_000_000_000);
    expect(await sentBy({}, { timeoutMs: 100, expires: false })).toBeUndefined();
    expect(await sentBy({}, { timeoutMs: Infinity })).toBeUndefined();
    await client.close();
  });

  it("expires by the node's clock, where this one differs", async () => {
    const { client, connection } = await connected();
    connection.clockOffsetMs = 3_600_000;
    const request = client.request(ask, { timeoutMs: 1000 });
    expect(Number(connection.sent[0]?.["expires_time"])).toBeGreaterThanOrEqual(Math.floor(Date.now() / 1000) + 3600);
    connection.deliver(answer());
    await request;
    await client.close();
  });

  it.each<[string, () => Promise<SendReceipt>, string, object]>([
    ["accepted", async () => ({}), "", { accepted: true, away: [] }],
    ["accepted for an agent that is away", async () => ({ away: [ALICE] }), `; ${ALICE}: no agent is connected`, { away: [ALICE] }],
    ["not accepted yet", () => new Promise(() => {}), "; the node had not accepted it yet", { accepted: false }],
  ])("names recipient, type and duration on a timeout, and the state: %s", async (_name, onSend, state, known) => {
    const { client, connection } = await connected();
    connection.onSend = onSend;
    const failure = await client.request(ask, { timeoutMs: 31 }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(RequestTimeoutError);
    expect((failure as Error).message).toBe(`No response from ${ALICE} to ${ECHO} within 31 ms${state}`);
    expect(failure).toMatchObject({ threadId: "ask", messageId: "ask", to: [ALICE], type: ECHO, timeoutMs: 31, retryable: true, ...known });
    await client.close();
  });

  it("that is tried again under its id gets the response that came between the tries", async () => {
    const { client, connection } = await connected();
    await expect(client.request(ask, { timeoutMs: 31 })).rejects.toBeInstanceOf(RequestTimeoutError);
    connection.deliver(answer({ body: { n: 1 } }));
    await settled();
    expect((await client.request(ask, { timeoutMs: 31 })).body).toEqual({ n: 1 });
    expect(connection.sent).toHaveLength(1);
    // The next one waits for a response of its own, and so does another request on the thread.
    await expect(client.request(ask, { timeoutMs: 31 })).rejects.toBeInstanceOf(RequestTimeoutError);
    connection.deliver(answer());
    await settled();
    await expect(client.request({ ...ask, id: "other", threadId: "ask" }, { timeoutMs: 31 })).rejects.toThrow(RequestTimeoutError);
    await client.close();
  });

  it("is not ended by the report that an earlier try has expired, but by that of its own", async () => {
    const { client, connection } = await connected();
    const report = () => connection.deliver(plaintext({ type: REPORT, thid: "ask", pthid: "ask", body: { code: "e.p.msg.expired" } }));
    const retry = client.request(ask, { timeoutMs: 60_000 });
    const outcome = report();
    await settled();
    expect(outcome.outcome).toEqual({ status: "handled" });
    connection.deliver(answer());
    await retry;
    const own = expect(client.request({ ...ask, expiresTime: 1000 }, { timeoutMs: 60_000 })).rejects.toMatchObject({
      code: "e.p.msg.expired",
    });
    report();
    await own;
    await client.close();
  });

  it("does not report its expiry again once it has timed out", async () => {
    const { client, connection, errors } = await connected();
    await expect(client.request(ask, { timeoutMs: 31 })).rejects.toBeInstanceOf(RequestTimeoutError);
    const report = (code: string) => connection.deliver(plaintext({ type: REPORT, thid: "ask", pthid: "ask", body: { code } }));
    report("e.p.msg.expired");
    report("e.p.msg.other");
    await settled();
    expect(errors).toMatchObject([{ kind: ErrorKind.SERVER_REJECT, cause: { code: "e.p.msg.other" } }]);
    await client.close();
  });

  it("types the response by a schema", async () => {
    const { client, connection } = await connected();
    const schema = z.object({ total: z.number() });
    const request = client.request(ask, { schema });
    connection.deliver(answer({ body: { total: 3, more: true } }));
    const response = await request;
    const total: number = response.body.total;
    expect(total).toBe(3);
    expect(response.unmarshalBody()).toEqual({ total: 3, more: true });
    const misfit = client.request(ask, { schema });
    connection.deliver(answer({ body: { total: "three" } }));
    await expect(misfit).rejects.toBeInstanceOf(BodyError);
    await client.close();
  });

  it("shares a signal with thousands of others", async () => {
    const { client } = await connected();
    const warnings: Error[] = [];
    const warn = (warning: Error) => void warnings.push(warning);
    process.on("warning", warn);
    const abort = new AbortController();
    const requests = Array.from({ length: 3000 }, () => client.request({ type: ECHO, to: ALICE }, { signal: abort.signal }));
    const ends = Promise.allSettled(requests);
    await settled();
    abort.abort(new Error("enough"));
    expect((await ends).every(({ status }) => status === "rejected")).toBe(true);
    await settled();
    process.off("warning", warn);
    expect(warnings).toEqual([]);
    await client.close();
  });

  it("removes its listener from the signal once it has ended", async () => {
    const { client, connection } = await connected();
    const abort = new AbortController();
    const { signal } = abort;
    const first = client.request(ask, { signal });
    const second = client.request({ ...ask, id: "second" }, { signal });
    connection.deliver(answer());
    await first;
    expect(getEventListeners(signal, "abort")).toHaveLength(1);
    connection.deliver(answer({ thid: "second" }));
    await second;
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
    const third = client.request(ask, { signal });
    const fourth = client.request({ ...ask, id: "fourth" }, { signal });
    connection.deliver(answer());
    await third;
    abort.abort(new Error("enough"));
    await expect(fourth).rejects.toThrow("enough");
    await client.close();
  });

  it("takes its response once: a redelivery of it is settled", async () => {
    const { client, connection, errors } = await connected();
    const request = client.request(ask);
    const response = answer();
    connection.deliver(response);
    await request;
    const again = connection.deliver(response);
    await settled();
    expect(again.outcome).toEqual({ status: "handled" });
    expect(errors).toEqual([]);
    await client.close();
  });

  it("is answered though every handler is busy", async () => {
    const { client, transport } = setUp({ maxConcurrentHandlers: 1 });
    client.handle(ECHO, async () => {
      const { body } = await client.request({ type: ECHO, to: ALICE, id: "ask" });
      return { type: ECHO_REPLY, body };
    });
    await client.connect();
    const { connection } = transport;
    connection.deliver(plaintext({ id: "busy" }));
    connection.deliver(plaintext({ id: "waiting" }));
    await settled();
    connection.deliver(answer({ body: { deep: true } }));
    await settled();
    expect(connection.sent[1]).toMatchObject({ thid: "busy", body: { deep: true } });
    await client.close();
  });

  it("is not answered by a redelivery of the message whose handler sent it on the same thread", async () => {
    const { client, transport } = setUp();
    client.handle(ECHO, async ({ threadId }) => {
      const { body } = await client.request({ type: ECHO, to: ALICE, ...(threadId !== undefined && { threadId }) });
      return { type: ECHO_REPLY, body };
    });
    await client.connect();
    const { connection } = transport;
    const question = plaintext({ thid: "talk", body: { asks: true } });
    connection.deliver(question);
    await settled();
    connection.deliver(question);
    await settled();
    expect(connection.sent).toHaveLength(1);
    connection.deliver(answer({ thid: "talk", body: { answers: true } }));
    await settled();
    expect(connection.sent[1]).toMatchObject({ type: ECHO_REPLY, body: { answers: true } });
    await client.close();
  });
});

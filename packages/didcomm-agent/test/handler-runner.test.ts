import { RejectedError, NodeTransportError, type JsonObject } from "@parley/core";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { z } from "zod";

import { ErrorKind, PASS, ProblemReportError, type Handler, type HandlerOptions, type InboundMessage } from "../src/index.ts";
import { ALICE, BOB, ECHO, ECHO_REPLY, MODES, plaintext, REPORT, settled, setUp, type Mode } from "./support.ts";

const HANDLED = { status: "handled" };

async function withHandler(handler: Handler, options?: HandlerOptions) {
  const parts = setUp();
  parts.client.handle(ECHO, handler, options);
  await parts.client.connect();
  const { connection } = parts.transport;
  const deliver = async (members: JsonObject = {}, mode: Mode = "outcome") => {
    const delivered = connection.deliver(plaintext(members), mode);
    await settled();
    return delivered;
  };
  return { ...parts, connection, deliver };
}

describe("a handler's reply", () => {
  it("is filled in: from, to, thread and trace context", async () => {
    const { client, connection, deliver } = await withHandler(() => ({ type: ECHO_REPLY, body: { ok: true } }));
    const trace = { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" };
    await deliver({ id: "q1", trace_context: trace });
    await deliver({ id: "q2", thid: "talk" });
    expect(connection.sent).toMatchObject([
      { type: ECHO_REPLY, from: BOB, to: [ALICE], thid: "q1", trace_context: trace, body: { ok: true } },
      { thid: "talk" },
    ]);
    await client.close();
  });

  it.each([undefined, null])("is not sent when the handler returns %s", async (result) => {
    const { client, connection, deliver } = await withHandler(() => result);
    expect((await deliver()).outcome).toEqual(HANDLED);
    expect(connection.sent).toEqual([]);
    await client.close();
  });

  it("leaves, and is accepted, before the message is settled (outcome mode)", async () => {
    const { client, connection, deliver } = await withHandler(() => ({ type: ECHO_REPLY }));
    let accept = () => {};
    connection.onSend = () => new Promise((resolve) => (accept = resolve));
    const delivered = await deliver();
    expect(connection.sent).toHaveLength(1);
    expect(delivered.outcome).toBeUndefined();
    accept();
    await settled();
    expect(delivered.outcome).toEqual(HANDLED);
    await client.close();
  });

  it.each<[unknown, RegExp]>([
    [{ body: {} }, /type/],
    [{ type: "response" }, /"response" is not a message-type URI/],
    [{ type: ECHO_REPLY, body: 7 }, /body must be an object/],
    [{ type: ECHO_REPLY, body: { price: Number.NaN } }, /body\.price: it is NaN/],
    [{ type: ECHO_REPLY, threadid: "talk" }, /Did you mean "message\.threadId"\?/],
    [{ type: ECHO_REPLY, to: "echo" }, /message\.to must be a DID/],
    [{ type: ECHO_REPLY, from: "did:example:carol" }, /its from is another DID than did:example:[a-z]+: leave it out/],
    [{ type: ECHO_REPLY, attachments: [{}] }, /attachments\[0\]\.data must be an object/],
    ["hello", /not a string/],
  ])("that is not a message is the handler's fault: %j", async (result, problem) => {
    const { client, connection, deliver, errors } = await withHandler(() => result as never);
    expect((await deliver()).outcome).toMatchObject({ status: "error", code: "e.p.xfer.cant-process" });
    expect(errors).toMatchObject([{ kind: ErrorKind.HANDLER_EXCEPTION, cause: { name: "TypeError" } }]);
    expect(errors[0]?.cause.message).toMatch(problem);
    expect(errors[0]?.cause.message).toMatch(/^The reply of the handler for https:/);
    expect(connection.sent).toMatchObject([{ type: REPORT, body: { comment: expect.stringMatching(/reference/) as string } }]);
    await client.close();
  });

  it.each([
    [true, [REPORT]],
    [undefined, []],
  ])("that the node refuses is reported to a sender who waits for it (%s)", async (waits, reports) => {
    const { client, connection, deliver, errors } = await withHandler(() => ({ type: ECHO_REPLY }));
    connection.onSend = ({ type }) =>
      type === ECHO_REPLY ? Promise.reject(new RejectedError("rejected", "The node refused the message", "no")) : Promise.resolve();
    await deliver({ id: "q", ...(waits === true && { reply_expected: true }) });
    expect(errors).toMatchObject([{ kind: ErrorKind.SERVER_REJECT }]);
    expect(connection.sent.map(({ type }) => type).filter((type) => type === REPORT)).toEqual(reports);
    await client.close();
  });

  it("to an anonymous message is the handler's fault, unless it names a recipient", async () => {
    const { client, connection, deliver, errors } = await withHandler(({ body }) => ({
      type: ECHO_REPLY,
      ...(body["to"] === undefined ? {} : { to: body["to"] as string }),
    }));
    await deliver({ from: undefined });
    expect(errors).toMatchObject([{ kind: ErrorKind.HANDLER_EXCEPTION, cause: { message: /anonymous/ } }]);
    expect(connection.sent).toEqual([]);
    await deliver({ from: undefined, body: { to: "did:example:carol" } });
    expect(connection.sent).toMatchObject([{ to: ["did:example:carol"] }]);
    await client.close();
  });

  it("that the node rejects is reported, and the message is handled", async () => {
    const { client, connection, deliver, errors } = await withHandler(() => ({ type: ECHO_REPLY }));
    connection.onSend = () => Promise.reject(new RejectedError("rejected", "no", "unauthorized"));
    expect((await deliver()).outcome).toEqual(HANDLED);
    expect(errors).toMatchObject([{ kind: ErrorKind.SERVER_REJECT, type: ECHO_REPLY, messageId: connection.sent[0]?.["id"] }]);
    expect(connection.sent).toHaveLength(1);
    await client.close();
  });

  it("that can't be written is reported, to the sender too", async () => {
    const { client, connection, deliver, errors } = await withHandler(() => ({ type: ECHO_REPLY }));
    connection.onSend = async ({ type }) => {
      if (type === ECHO_REPLY) throw new NodeTransportError("message_too_large", "The message is too large");
    };
    expect((await deliver()).outcome).toEqual(HANDLED);
    expect(errors).toMatchObject([{ kind: ErrorKind.TRANSPORT_WRITE }]);
    const comment = expect.stringMatching(/^The reply could not be sent \(reference message-\d+\)$/) as string;
    expect(connection.sent[1]).toMatchObject({ type: REPORT, body: { comment } });
    await client.close();
  });
});

describe("a handler that returns nothing", () => {
  it("can read whether the sender waits, and causes a process warning at the third request", async () => {
    const emitWarning = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    onTestFinished(() => emitWarning.mockRestore());
    const type = "https://example.com/mute/1.0/question";
    const { client, transport } = setUp();
    const expected: unknown[] = [];
    client.handle(type, ({ context }) => void expected.push(context?.replyExpected));
    await client.connect();
    const ask = async (members: JsonObject) => {
      transport.connection.deliver(plaintext({ type, ...members }));
      await settled();
    };
    await ask({});
    await ask({ reply_expected: "yes" });
    await ask({ reply_expected: true });
    await ask({ reply_expected: true });
    expect(emitWarning).not.toHaveBeenCalled();
    await ask({ reply_expected: true });
    await ask({ reply_expected: true });
    expect(expected).toEqual([undefined, undefined, true, true, true, true]);
    expect(emitWarning.mock.calls.map(([text]) => text)).toEqual([expect.stringContaining(`The handler for ${type} returned nothing`)]);
    await client.close();
  });
});

describe("a reply that the link swallowed", () => {
  it.each(["not_connected", "disconnected", "push_timeout"] as const)("is sent on redelivery, without the handler (%s)", async (code) => {
    let runs = 0;
    const { client, connection, deliver, errors } = await withHandler(() => ({ type: ECHO_REPLY, body: { run: ++runs } }));
    connection.onSend = () => Promise.reject(new NodeTransportError(code, "no link"));
    expect((await deliver({ id: "q" })).outcome).toBeUndefined();
    expect((await deliver({ id: "q" })).outcome).toBeUndefined();
    expect(errors).toMatchObject([{ kind: ErrorKind.TRANSPORT_WRITE }, { kind: ErrorKind.TRANSPORT_WRITE }]);
    connection.onSend = async () => {};
    expect((await deliver({ id: "q" })).outcome).toEqual(HANDLED);
    expect((await deliver({ id: "q" })).outcome).toEqual(HANDLED);
    expect(connection.sent.map(({ id }) => id)).toEqual(Array.from({ length: 3 }, () => connection.sent[0]?.["id"]));
    expect(runs).toBe(1);
    await client.close();
  });

  it("is sent at once if the redelivery came while it was on its way", async () => {
    const { client, connection, deliver } = await withHandler(() => ({ type: ECHO_REPLY }));
    let fail = (_error: Error) => {};
    connection.onSend = () => new Promise((_resolve, reject) => (fail = reject));
    const first = await deliver({ id: "q" });
    const second = await deliver({ id: "q" });
    connection.onSend = async () => {};
    fail(new NodeTransportError("disconnected", "broke"));
    await settled();
    expect(connection.sent).toHaveLength(2);
    expect([first.outcome, second.outcome]).toEqual([undefined, HANDLED]);
    await client.close();
  });
});

describe("PASS", () => {
  it("does not revoke an acknowledgement", async () => {
    const { client, deliver } = await withHandler((message) => (message.ack(), PASS), { manualAck: true });
    expect((await deliver({ id: "q" })).outcome).toEqual(HANDLED);
    expect((await deliver({ id: "q" })).outcome).toEqual(HANDLED);
    await client.close();
  });

  it("gives the message back to the node, in outcome mode", async () => {
    let runs = 0;
    const { client, connection, deliver } = await withHandler(() => (runs++, PASS));
    expect((await deliver({ id: "q" })).outcome).toEqual({ status: "pass" });
    expect((await deliver({ id: "q" })).outcome).toEqual({ status: "pass" });
    expect((await deliver({}, "first")).outcome).toEqual(HANDLED);
    expect(runs).toBe(2);
    expect(connection.sent).toEqual([]);
    await client.close();
  });
});

describe("a handler that throws", () => {
  it.each([
    ["first", HANDLED],
    ["outcome", { status: "error", code: "e.p.xfer.cant-process", message: "The handler failed (reference q)" }],
  ] as const)("is reported to the sender and to the error handler (%s)", async (mode, outcome) => {
    const cause = new Error("out of tea");
    const { client, connection, deliver, errors } = await withHandler(async () => Promise.reject(cause));
    expect((await deliver({ id: "q", thid: "talk" }, mode)).outcome).toEqual(outcome);
    expect(connection.sent).toMatchObject([
      {
        type: REPORT,
        from: BOB,
        to: [ALICE],
        thid: "talk",
        pthid: "talk",
        body: { code: "e.p.xfer.cant-process", comment: "The handler failed (reference q)" },
      },
    ]);
    expect(errors).toMatchObject([{ kind: ErrorKind.HANDLER_EXCEPTION, cause, messageId: "q", type: ECHO, from: ALICE, fromDid: ALICE }]);
    await client.close();
  });

  it.each(MODES)("shows the error's message with exposeErrors alone (%s)", async (mode) => {
    const { client, transport } = setUp({ exposeErrors: true });
    client.handle(ECHO, () => Promise.reject(new Error("out of tea")));
    await client.connect();
    transport.connection.deliver(plaintext(), mode);
    await settled();
    expect(transport.connection.sent).toMatchObject([{ body: { comment: "out of tea" } }]);
    await client.close();
  });

  it("is a fault of the program, unless it chose a report itself", async () => {
    const thrown = [new ProblemReportError("e.p.own"), new ProblemReportError("e.p.another", "", [], ALICE), new Error("fault")];
    const { client, deliver, errors } = await withHandler(() => Promise.reject(thrown[errors.length]));
    while (errors.length < thrown.length) await deliver();
    expect(errors.map(({ kind }) => kind)).toEqual([ErrorKind.REFUSED, ErrorKind.HANDLER_EXCEPTION, ErrorKind.HANDLER_EXCEPTION]);
    await client.close();
  });

  it("runs again when the node delivers the message again", async () => {
    let runs = 0;
    const { client, deliver } = await withHandler(() => {
      if (++runs === 1) throw new Error("not yet");
    });
    expect((await deliver({ id: "q" })).outcome).toMatchObject({ status: "error" });
    expect((await deliver({ id: "q" })).outcome).toEqual(HANDLED);
    expect((await deliver({ id: "q" })).outcome).toEqual(HANDLED);
    expect(runs).toBe(2);
    await client.close();
  });

  it("may choose the report", async () => {
    const { client, connection, deliver } = await withHandler(() => {
      throw new ProblemReportError("e.p.req.out-of-stock", "Only {1} left", ["3"]);
    });
    expect((await deliver()).outcome).toEqual({ status: "error", code: "e.p.req.out-of-stock", message: "Only 3 left" });
    expect(connection.sent[0]?.["body"]).toEqual({ code: "e.p.req.out-of-stock", comment: "Only 3 left", args: ["3"] });
    await client.close();
  });

  it("on a message without sender reports to the error handler alone", async () => {
    const { client, connection, deliver, errors } = await withHandler(() => {
      throw new Error("no");
    });
    await deliver({ from: undefined });
    expect(connection.sent).toEqual([]);
    expect(errors).toHaveLength(1);
    await client.close();
  });

  it("on a problem report never answers with another", async () => {
    const { client, transport, errors } = setUp();
    client.handle(REPORT, () => {
      throw new Error("no");
    });
    await client.connect();
    transport.connection.deliver(plaintext({ type: REPORT, body: { code: "e.p" } }));
    await settled();
    expect(transport.connection.sent).toEqual([]);
    expect(errors).toMatchObject([{ kind: ErrorKind.HANDLER_EXCEPTION }]);
    await client.close();
  });

  it("is still settled when the report can't be sent", async () => {
    const { client, connection, deliver, errors } = await withHandler(() => {
      throw new Error("no");
    });
    connection.onSend = () => Promise.reject(new RejectedError("rejected", "no", "unauthorized"));
    expect((await deliver()).outcome).toMatchObject({ status: "error" });
    expect(errors.map(({ kind }) => kind)).toEqual([ErrorKind.HANDLER_EXCEPTION, ErrorKind.SERVER_REJECT]);
    await client.close();
  });
});

describe("automatic acknowledgement", () => {
  it("is sent before the handler in first mode, after it in outcome mode", async () => {
    let finish = () => {};
    const { client, deliver } = await withHandler(() => new Promise<void>((resolve) => (finish = resolve)));
    const first = await deliver({}, "first");
    expect(first.outcome).toEqual(HANDLED);
    finish();
    const outcome = await deliver({}, "outcome");
    expect(outcome.outcome).toBeUndefined();
    finish();
    await settled();
    expect(outcome.outcome).toEqual(HANDLED);
    await client.close();
  });

  it("settles the latest delivery of a message that came again while its handler ran", async () => {
    let runs = 0;
    let finish = () => {};
    const { client, deliver } = await withHandler(() => {
      runs++;
      return new Promise<void>((resolve) => (finish = resolve));
    });
    const deliveries = [await deliver({ id: "q" }), await deliver({ id: "q" }), await deliver({ id: "q" })];
    finish();
    await settled();
    expect(deliveries.map(({ outcome }) => outcome)).toEqual([undefined, undefined, HANDLED]);
    expect(runs).toBe(1);
    const early = [await deliver({ id: "r" }, "first"), await deliver({ id: "r" }, "first")];
    expect(early.map(({ outcome }) => outcome)).toEqual([HANDLED, HANDLED]);
    finish();
    expect(runs).toBe(2);
    await client.close();
  });
});

describe.each(MODES)("manual acknowledgement (%s)", (mode) => {
  it("is the handler's decision, at once", async () => {
    let finish = () => {};
    const { client, deliver } = await withHandler(
      async (message) => {
        message.ack();
        message.ack();
        await new Promise<void>((resolve) => (finish = resolve));
      },
      { manualAck: true },
    );
    const delivered = await deliver({ id: "q" }, mode);
    expect(delivered.outcome).toEqual(HANDLED);
    const again = await deliver({ id: "q" }, mode);
    expect(again.outcome).toEqual(HANDLED);
    finish();
    await settled();
    expect((await deliver({ id: "q" }, mode)).outcome).toEqual(HANDLED);
    await client.close();
  });

  it("can follow after the handler has returned; until then a redelivered message is handled again", async () => {
    const messages: InboundMessage[] = [];
    const { client, deliver, connection } = await withHandler(
      (message) => {
        messages.push(message);
        return { type: ECHO_REPLY };
      },
      { manualAck: true },
    );
    expect((await deliver({ id: "q" }, mode)).outcome).toBeUndefined();
    const second = await deliver({ id: "q" }, mode);
    expect(messages).toHaveLength(2);
    expect(connection.sent).toHaveLength(2);
    expect(second.outcome).toBeUndefined();
    messages[1]?.ack();
    expect(second.outcome).toEqual(HANDLED);
    expect((await deliver({ id: "q" }, mode)).outcome).toEqual(HANDLED);
    expect(messages).toHaveLength(2);
    await client.close();
  });

  it("keeps a reply that a broken link lost, also after a redelivery", async () => {
    let runs = 0;
    const messages: InboundMessage[] = [];
    const { client, deliver, connection } = await withHandler(
      (message) => {
        runs++;
        messages.push(message);
        message.ack();
        return { type: ECHO_REPLY };
      },
      { manualAck: true },
    );
    connection.onSend = () => Promise.reject(new NodeTransportError("disconnected", "broke"));
    await deliver({ id: "q" }, mode);
    messages[0]?.ack();
    connection.onSend = async () => {};
    expect((await deliver({ id: "q" }, mode)).outcome).toEqual(HANDLED);
    expect(connection.sent.map(({ type }) => type)).toEqual([ECHO_REPLY, ECHO_REPLY]);
    expect(runs).toBe(1);
    await client.close();
  });

  it("does not happen when the handler throws first", async () => {
    let runs = 0;
    const { client, deliver, connection, errors } = await withHandler(
      (message) => {
        if (++runs === 1) throw new Error("disk full");
        message.ack();
      },
      { manualAck: true },
    );
    expect((await deliver({ id: "q" }, mode)).outcome).toBeUndefined();
    expect(errors).toMatchObject([{ kind: ErrorKind.HANDLER_EXCEPTION }]);
    expect((await deliver({ id: "q" }, mode)).outcome).toEqual(HANDLED);
    expect(runs).toBe(2);
    // The message has come again and was handled: a report would have told its sender otherwise.
    expect(connection.sent).toEqual([]);
    await client.close();
  });

  it.each<[string, () => unknown]>([
    ["throws a report of its choice", () => Promise.reject(new ProblemReportError("e.p.req", "later"))],
    ["returns what is not a message", () => "hello"],
    ["returns a body that JSON can't carry", () => ({ type: ECHO_REPLY, body: { at: new Map() } })],
    ["returns a reply that is too large", () => ({ type: ECHO_REPLY, body: { large: true } })],
  ])("reports nothing to the sender while the node will deliver again: the handler %s", async (_name, act) => {
    const { client, deliver, connection } = await withHandler((() => act()) as Handler, { manualAck: true });
    connection.onSend = ({ type }) => {
      if (type === ECHO_REPLY) throw new NodeTransportError("message_too_large", "too large");
      return Promise.resolve();
    };
    expect((await deliver({ id: "q" }, mode)).outcome).toBeUndefined();
    expect(connection.sent.filter(({ type }) => type === REPORT)).toEqual([]);
    await client.close();
  });

  it("reports what the handler throws after it", async () => {
    const { client, deliver, connection, errors } = await withHandler(
      (message) => {
        message.ack();
        throw new ProblemReportError("e.p.req.refused", "no");
      },
      { manualAck: true },
    );
    expect((await deliver({ id: "q" }, mode)).outcome).toEqual(HANDLED);
    expect(connection.sent).toMatchObject([{ type: REPORT, body: { code: "e.p.req.refused" } }]);
    expect(errors).toMatchObject([{ kind: ErrorKind.REFUSED }]);
    await client.close();
  });

  it("raises a process warning when it is missing at the third delivery", async () => {
    const emitWarning = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    onTestFinished(() => emitWarning.mockRestore());
    const type = `https://example.com/forgetful-${mode}/1.0/order`;
    const { client, transport } = setUp();
    client.handle(type, () => {}, { manualAck: true });
    await client.connect();
    for (const attempt of [1, 2, 3]) {
      transport.connection.deliver(plaintext({ id: "q", type }), mode, { attempt });
      await settled();
      expect(emitWarning).toHaveBeenCalledTimes(attempt < 3 ? 0 : 1);
    }
    expect(emitWarning.mock.calls[0]?.[0]).toContain(`The handler for ${type} (manualAck) returned without message.ack()`);
    await client.close();
  });

  it("remains valid when the handler throws afterwards", async () => {
    let runs = 0;
    const { client, deliver } = await withHandler(
      (message) => {
        runs++;
        message.ack();
        throw new Error("too late");
      },
      { manualAck: true },
    );
    expect((await deliver({ id: "q" }, mode)).outcome).toEqual(HANDLED);
    expect((await deliver({ id: "q" }, mode)).outcome).toEqual(HANDLED);
    expect(runs).toBe(1);
    await client.close();
  });
});

describe("a schema", () => {
  const schema = z.object({ items: z.array(z.object({ name: z.string(), count: z.coerce.number() })) });

  it("types the body, and gives its output", async () => {
    const { client, transport } = setUp();
    const counts: number[] = [];
    client.handle(
      ECHO,
      ({ body, unmarshalBody }) => {
        counts.push(...body.items.map(({ count }) => count));
        expect(unmarshalBody()).toEqual({ items: [{ name: "tea", count: "2" }] });
      },
      { schema },
    );
    await client.connect();
    const delivered = transport.connection.deliver(plaintext({ body: { items: [{ name: "tea", count: "2" }] } }));
    await settled();
    expect(counts).toEqual([2]);
    expect(delivered.outcome).toEqual(HANDLED);
    await client.close();
  });

  it.each([
    ["first", false, HANDLED],
    ["first", true, HANDLED],
    ["outcome", false, { status: "error", code: "e.p.msg.bad-body" }],
    ["outcome", true, { status: "error", code: "e.p.msg.bad-body" }],
  ] as const)("rejects an invalid body permanently (%s, manualAck: %s)", async (mode, manualAck, outcome) => {
    const { client, transport, errors } = setUp();
    let runs = 0;
    client.handle(ECHO, () => void runs++, { schema, manualAck });
    await client.connect();
    const { connection } = transport;
    const delivered = connection.deliver(plaintext({ body: { items: [{ name: 7, count: 1 }] } }), mode);
    await settled();
    expect(delivered.outcome).toMatchObject(outcome);
    expect(runs).toBe(0);
    expect(errors).toMatchObject([{ kind: ErrorKind.REFUSED, cause: { code: "body_invalid" } }]);
    expect(connection.sent).toMatchObject([
      { type: REPORT, body: { code: "e.p.msg.bad-body", comment: expect.stringMatching(/^body\.items\[0\]\.name: /) } },
    ]);
    await client.close();
  });

  it("is the only source of a body's type", () => {
    const { client } = setUp();
    // @ts-expect-error -- without a schema the body's type is unknown
    client.handle(ECHO, (message: InboundMessage<{ name: string }>) => void message);
    expect(() => client.handle(ECHO, () => {})).toThrow(TypeError);
  });

  it("of a handler's own request is not the sender's fault", async () => {
    const { client, transport } = setUp();
    client.handle(ECHO, async () => {
      await client.request({ type: ECHO, to: ALICE, id: "upstream" }, { schema });
    });
    await client.connect();
    const { connection } = transport;
    const delivered = connection.deliver(plaintext());
    await settled();
    connection.deliver(plaintext({ thid: "upstream", type: ECHO_REPLY }));
    await settled();
    expect(delivered.outcome).toMatchObject({ code: "e.p.xfer.cant-process" });
    await client.close();
  });

  it("may be asynchronous, and may be applied by the handler", async () => {
    const { client, connection, deliver } = await withHandler(async (message) => {
      const { name } = await message.unmarshalBody(z.object({ name: z.string().refine(async (text) => text !== "nobody") }));
      return { type: ECHO_REPLY, body: { hello: name } };
    });
    await deliver({ body: { name: "Ada" } });
    expect((await deliver({ body: { name: "nobody" } })).outcome).toMatchObject({ code: "e.p.msg.bad-body" });
    expect(connection.sent).toMatchObject([{ body: { hello: "Ada" } }, { type: REPORT, body: { comment: /^body\.name: / } }]);
    await client.close();
  });
});

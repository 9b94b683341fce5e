import { describe, expect, it } from "vitest";
import { createMessage, replyTo, threadOf, type Message, type MessageInit } from "../src/index.ts";

const TYPE = "https://layr8.io/protocols/echo/1.0/request";

describe("createMessage", () => {
  it("takes null for an empty body", () => {
    expect(createMessage({ type: TYPE, body: null }).body).toStrictEqual({});
  });

  it("fills id, to and body", () => {
    const first = createMessage({ type: TYPE });
    expect(first).toStrictEqual({ id: first.id, type: TYPE, to: [], body: {} });
    expect(first.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(createMessage({ type: TYPE, id: "" }).id).not.toBe(createMessage({ type: TYPE, id: "" }).id);
  });

  it("keeps what is stated, and copies the list of recipients", () => {
    const to = ["did:example:a", "did:example:b"];
    const message = createMessage({ type: TYPE, id: "1", to, from: "did:example:c", threadId: "t", body: { a: 1 } });
    to.push("did:example:later");
    expect(message).toStrictEqual({
      id: "1",
      type: TYPE,
      to: ["did:example:a", "did:example:b"],
      from: "did:example:c",
      threadId: "t",
      body: { a: 1 },
    });
    expect(createMessage({ type: TYPE, to: "did:example:a" }).to).toEqual(["did:example:a"]);
  });

  it.each<[string, unknown]>([
    ["an empty type", { type: "" }],
    ["no type", {}],
    ["a type that is not a string", { type: 1 }],
    ["a text as body", { type: TYPE, body: "text" }],
    ["a list as body", { type: TYPE, body: [] }],
    ["a number as body", { type: TYPE, body: 7 }],
  ])("takes %s for a caller's bug", (_, init) => {
    expect(() => createMessage(init as MessageInit)).toThrow(TypeError);
  });
});

describe("threadOf", () => {
  it("is the thread, or the id of the message that starts it", () => {
    expect(threadOf({ id: "1", threadId: "t" })).toBe("t");
    expect(threadOf({ id: "1" })).toBe("1");
  });
});

describe("replyTo", () => {
  const traceContext = { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" };
  const request: Message = {
    id: "1",
    type: TYPE,
    from: "did:example:alice",
    to: ["did:example:bob"],
    threadId: "t",
    parentThreadId: "p",
    body: { secret: true },
    headers: { please_ack: [] },
    traceContext,
  };

  it("addresses the sender on the request's thread, and copies only the trace context", () => {
    const reply = replyTo(request, "did:example:bob", { type: "reply" });
    expect(reply).toStrictEqual({
      id: reply.id,
      type: "reply",
      from: "did:example:bob",
      to: ["did:example:alice"],
      threadId: "t",
      body: {},
      traceContext,
    });
    expect(reply.id).not.toBe(request.id);
  });

  it("takes the id of a request without a thread, and has no recipient without a sender", () => {
    const { threadId: _, from: __, ...anonymous } = request;
    expect(replyTo(anonymous, "did:example:bob", { type: "reply" })).toMatchObject({ threadId: "1", to: [] });
  });

  it("keeps members that the reply sets itself", () => {
    expect(replyTo(request, "did:example:bob", { type: "reply", to: "did:example:carol", threadId: "other" })).toMatchObject({
      to: ["did:example:carol"],
      threadId: "other",
    });
  });
});

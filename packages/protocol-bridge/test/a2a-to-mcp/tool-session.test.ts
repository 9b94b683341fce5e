import { afterEach, describe, expect, it } from "vitest";
import { readMcpMessage, type JsonRpcCall } from "../../src/formats/mcp-message.ts";
import { ToolSession, type SessionReaction } from "../../src/a2a-to-mcp/tool-session.ts";

const TOOL = { name: "greet", inputSchema: { type: "object", properties: { name: { type: "string" } } } };

let stop = new AbortController();
afterEach(() => {
  stop.abort();
  stop = new AbortController();
});

/** A session that is being opened, and the requests that it has sent. */
function open(): { readonly session: ToolSession; readonly asked: (method: string) => JsonRpcCall[] } {
  const sent: JsonRpcCall[] = [];
  const session = new ToolSession({
    session: "bridge.s",
    name: "bridge",
    server: undefined,
    peer: undefined,
    needsTools: true,
    signal: stop.signal,
    onWaiting: () => undefined,
    send: (_address, payload) => {
      const message = readMcpMessage(payload, 10_000);
      if (message.kind === "call") sent.push(message);
    },
  });
  session.open();
  return { session, asked: (method) => sent.filter((message) => message.method === method) };
}

function answer(session: ToolSession, request: JsonRpcCall | undefined, result: object): SessionReaction {
  return session.handle({ kind: "answer", result: { ...result }, ...(request?.id !== undefined && { id: request.id }) });
}

describe("tools of a ToolSession", () => {
  it("are listed once if the server answers `initialize` several times", async () => {
    const { session, asked } = open();
    const [initialize] = asked("initialize");
    for (let time = 0; time < 3; time++) answer(session, initialize, { capabilities: { tools: {} } });
    for (const request of asked("tools/list")) answer(session, request, { tools: [TOOL] });
    await session.ready();
    expect(session.tools.map(({ name }) => name)).toEqual(["greet"]);
  });

  it("are listed once if they change during listing", () => {
    const { session, asked } = open();
    answer(session, asked("initialize")[0], { capabilities: { tools: {} } });
    answer(session, asked("tools/list")[0], { tools: [TOOL] });
    for (let time = 0; time < 3; time++) session.handle({ kind: "call", method: "notifications/tools/list_changed", params: {} });
    for (const request of asked("tools/list").slice(1)) answer(session, request, { tools: [TOOL, { ...TOOL, name: "part" }] });
    expect(session.tools.map(({ name }) => name)).toEqual(["greet", "part"]);
  });

  it("are listed in a limited number of pages, each counted once", async () => {
    const { session, asked } = open();
    answer(session, asked("initialize")[0], { capabilities: { tools: {} } });
    for (let page = 0; page < 16; page++) {
      const request = asked("tools/list").at(-1);
      for (let time = 0; time < 2; time++) answer(session, request, { tools: [{ ...TOOL, name: `tool-${page}` }], nextCursor: `${page}` });
    }
    await session.ready();
    expect(asked("tools/list")).toHaveLength(16);
    expect(session.tools.map(({ name }) => name)).toEqual(Array.from({ length: 16 }, (_, page) => `tool-${page}`));
  });
});

describe("messages to a ToolSession", () => {
  it("are handled if they change the session or need a response, and ignored otherwise", () => {
    const { session, asked } = open();
    expect(session.handle({ kind: "call", method: "notifications/tools/list_changed", params: {} })).toEqual({ isHandled: false });
    expect(answer(session, asked("initialize")[0], { capabilities: { tools: {} } })).toEqual({ isHandled: true });
    expect(answer(session, asked("tools/list")[0], { tools: [TOOL] })).toEqual({ isHandled: true });
    expect(answer(session, asked("initialize")[0], { capabilities: { tools: {} } })).toEqual({ isHandled: false });
    expect(answer(session, asked("tools/list")[0], { tools: [TOOL] })).toEqual({ isHandled: false });
    expect(session.handle({ kind: "call", method: "notifications/message", params: {} })).toEqual({ isHandled: false });
    expect(session.handle({ kind: "call", method: "notifications/tools/list_changed", params: {} })).toEqual({ isHandled: true });
    const ping = session.handle({ kind: "call", id: 7, method: "ping", params: {} });
    expect(ping).toEqual({ isHandled: true, response: expect.any(Uint8Array) });
  });
});

import { afterEach, describe, expect, it } from "vitest";
import { readMcpMessage, type JsonRpcCall } from "../../src/formats/mcp-message.ts";
import { ToolSession } from "../../src/a2a-to-mcp/tool-session.ts";

const TOOL = { name: "greet", inputSchema: { type: "object", properties: { name: { type: "string" } } } };

let stop = new AbortController();
afterEach(() => {
  stop.abort();
  stop = new AbortController();
});

/** A session that has asked to be opened, and what it has asked since. */
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

function answer(session: ToolSession, request: JsonRpcCall | undefined, result: object): void {
  session.take({ kind: "answer", result: { ...result }, ...(request?.id !== undefined && { id: request.id }) });
}

describe("the tools of a session", () => {
  it("are listed once, though the server answers the first request of the session several times", async () => {
    const { session, asked } = open();
    const [initialize] = asked("initialize");
    for (let time = 0; time < 3; time++) answer(session, initialize, { capabilities: { tools: {} } });
    for (const request of asked("tools/list")) answer(session, request, { tools: [TOOL] });
    await session.ready();
    expect(session.tools.map(({ name }) => name)).toEqual(["greet"]);
  });

  it("are listed once, though they change while they are listed", () => {
    const { session, asked } = open();
    answer(session, asked("initialize")[0], { capabilities: { tools: {} } });
    answer(session, asked("tools/list")[0], { tools: [TOOL] });
    for (let time = 0; time < 3; time++) session.take({ kind: "call", method: "notifications/tools/list_changed", params: {} });
    for (const request of asked("tools/list").slice(1)) answer(session, request, { tools: [TOOL, { ...TOOL, name: "part" }] });
    expect(session.tools.map(({ name }) => name)).toEqual(["greet", "part"]);
  });

  it("come in pages, of which each counts once, and which come to an end", async () => {
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

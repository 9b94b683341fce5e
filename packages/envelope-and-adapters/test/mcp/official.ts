import { deferred } from "@parley/core/internal";
import { Client as ClientV1 } from "@modelcontextprotocol/sdk/client/index.js";
import { McpServer as ServerV1 } from "@modelcontextprotocol/sdk/server/mcp.js";
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  LoggingMessageNotificationSchema,
  type CallToolResult,
} from "@modelcontextprotocol/sdk/types.js";
import { Client as ClientV2 } from "@modelcontextprotocol/client";
import { McpServer as ServerV2 } from "@modelcontextprotocol/server";
import { z } from "zod";
import type { McpSession } from "../../src/mcp/index.ts";

/** The client operations of the scenarios, independent of the SDK. */
export interface TestClient {
  connect(session: McpSession): Promise<void>;
  call(name: string, args: Record<string, unknown>, options?: CallOptions): Promise<string>;
  tools(): Promise<string[]>;
  read(uri: string): Promise<string>;
  prompt(name: string, args: Record<string, string>): Promise<string>;
  ping(): Promise<void>;
  close(): Promise<void>;
  readonly logged: unknown[];
  onClose(listener: () => void): void;
}

interface CallOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: number) => void;
}

/** The state of a server that tests observe. */
export interface TestServer {
  connect(session: McpSession): Promise<void>;
  /** Resolves once the tool `wait` has been called, and once it was cancelled. */
  readonly waiting: Promise<void>;
  readonly cancelled: Promise<void>;
  /** Calls of the tool `echo`. */
  readonly calls: string[];
}

const CLIENT = { name: "test-client", version: "1.0.0" };
const SERVER = { name: "test-server", version: "1.0.0" };
const SAMPLED = { model: "test", role: "assistant" as const, content: { type: "text" as const, text: "sampled" } };
const ELICITED = { action: "accept" as const, content: { colour: "green" } };

export function clientV1(): TestClient {
  const client = new ClientV1(CLIENT, { capabilities: { sampling: {}, elicitation: { form: {} } } });
  const logged: unknown[] = [];
  client.setRequestHandler(CreateMessageRequestSchema, () => SAMPLED);
  client.setRequestHandler(ElicitRequestSchema, () => ELICITED);
  client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => void logged.push(params.data));
  return {
    logged,
    connect: (session) => client.connect(session),
    call: async (name, args, { signal, onProgress } = {}) =>
      textOf(await client.callTool({ name, arguments: args }, undefined, requestOptions(signal, onProgress))),
    tools: async () => (await client.listTools()).tools.map(({ name }) => name),
    read: async (uri) => contentOf((await client.readResource({ uri })).contents),
    prompt: async (name, args) => promptOf((await client.getPrompt({ name, arguments: args })).messages),
    ping: async () => void (await client.ping()),
    close: () => client.close(),
    onClose: (onclose) => void Object.assign(client, { onclose }),
  };
}

export function clientV2(mode: "legacy" | "auto" = "legacy"): TestClient {
  const client = new ClientV2(CLIENT, {
    capabilities: { sampling: {}, elicitation: { form: {} } },
    versionNegotiation: { mode },
  });
  const logged: unknown[] = [];
  client.setRequestHandler("sampling/createMessage", () => SAMPLED);
  client.setRequestHandler("elicitation/create", () => ELICITED);
  client.setNotificationHandler("notifications/message", ({ params }) => void logged.push(params.data));
  return {
    logged,
    connect: (session) => client.connect(session),
    call: async (name, args, { signal, onProgress } = {}) =>
      textOf(await client.callTool({ name, arguments: args }, requestOptions(signal, onProgress))),
    tools: async () => (await client.listTools()).tools.map(({ name }) => name),
    read: async (uri) => contentOf((await client.readResource({ uri })).contents),
    prompt: async (name, args) => promptOf((await client.getPrompt({ name, arguments: args })).messages),
    ping: async () => void (await client.ping()),
    close: () => client.close(),
    onClose: (onclose) => void Object.assign(client, { onclose }),
  };
}

interface ToolContext {
  readonly signal: AbortSignal;
  progress(done: number): Promise<void>;
  log(data: string): Promise<void>;
  sample(): Promise<string>;
  elicit(): Promise<string>;
}

type Tool = (text: string, context: ToolContext) => Promise<string>;

/** The tools and their observable state. */
function testTools(): { tools: Record<string, Tool>; seen: Omit<TestServer, "connect"> } {
  const waiting = deferred<void>();
  const cancelled = deferred<void>();
  const calls: string[] = [];
  const tools: Record<string, Tool> = {
    echo: async (text) => {
      calls.push(text);
      return text;
    },
    count: async (_text, { progress }) => {
      for (const done of [1, 2, 3]) await progress(done);
      return "counted";
    },
    log: async (text, { log }) => {
      await log(text);
      return "logged";
    },
    sample: (_text, { sample }) => sample(),
    elicit: (_text, { elicit }) => elicit(),
    wait: (_text, { signal }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => {
          cancelled.resolve();
          reject(new Error("cancelled"));
        });
        waiting.resolve();
      }),
    fail: () => Promise.reject(new Error("the tool broke")),
  };
  return { tools, seen: { waiting: waiting.promise, cancelled: cancelled.promise, calls } };
}

const INPUT = { text: z.string().default("") };
const SAMPLE_REQUEST = { messages: [{ role: "user" as const, content: { type: "text" as const, text: "Say it" } }], maxTokens: 10 };
const ELICIT_REQUEST = {
  mode: "form" as const,
  message: "Which colour?",
  requestedSchema: { type: "object" as const, properties: { colour: { type: "string" as const } } },
};

export function serverV1(): TestServer {
  const server = new ServerV1(SERVER, { capabilities: { logging: {} } });
  const { tools, seen } = testTools();
  for (const [name, tool] of Object.entries(tools)) {
    server.registerTool(name, { inputSchema: INPUT }, async ({ text }, extra) => {
      const { _meta: meta } = extra;
      return result(
        await tool(text, {
          signal: extra.signal,
          progress: async (progress) => {
            const token = meta?.progressToken ?? "";
            await extra.sendNotification({ method: "notifications/progress", params: { progressToken: token, progress } });
          },
          log: (data) => server.server.sendLoggingMessage({ level: "info", data }),
          sample: async () => textOf(await server.server.createMessage(SAMPLE_REQUEST)),
          elicit: async () => JSON.stringify((await server.server.elicitInput(ELICIT_REQUEST)).content),
        }),
      );
    });
  }
  server.registerResource("greeting", "test://greeting", {}, (uri) => ({ contents: [{ uri: uri.href, text: "hello" }] }));
  server.registerPrompt("ask", { argsSchema: { topic: z.string() } }, ({ topic }) => ({
    messages: [{ role: "user", content: { type: "text", text: `About ${topic}` } }],
  }));
  return { ...seen, connect: (session) => server.connect(session) };
}

export function serverV2(): TestServer {
  const server = new ServerV2(SERVER, { capabilities: { logging: {} } });
  const { tools, seen } = testTools();
  for (const [name, tool] of Object.entries(tools)) {
    server.registerTool(name, { inputSchema: z.object(INPUT) }, async ({ text }, context) => {
      const { _meta: meta } = context.mcpReq;
      return result(
        await tool(text, {
          signal: context.mcpReq.signal,
          progress: async (progress) => {
            const token = meta?.progressToken ?? "";
            await context.mcpReq.notify({ method: "notifications/progress", params: { progressToken: token, progress } });
          },
          log: (data) => context.mcpReq.log("info", data),
          sample: async () => textOf(await context.mcpReq.requestSampling(SAMPLE_REQUEST)),
          elicit: async () => JSON.stringify((await context.mcpReq.elicitInput(ELICIT_REQUEST)).content),
        }),
      );
    });
  }
  server.registerResource("greeting", "test://greeting", {}, (uri) => ({ contents: [{ uri: uri.href, text: "hello" }] }));
  server.registerPrompt("ask", { argsSchema: z.object({ topic: z.string() }) }, ({ topic }) => ({
    messages: [{ role: "user", content: { type: "text", text: `About ${topic}` } }],
  }));
  return { ...seen, connect: (session) => server.connect(session) };
}

function requestOptions(signal: AbortSignal | undefined, onProgress: ((progress: number) => void) | undefined) {
  return {
    ...(signal === undefined ? {} : { signal }),
    ...(onProgress === undefined ? {} : { onprogress: ({ progress }: { progress: number }) => onProgress(progress) }),
  };
}

function result(text: string): CallToolResult {
  return { content: [{ type: "text", text }] };
}

function textOf(value: unknown): string {
  const { content } = value as { content: { text: string } | { text: string }[] };
  return [content].flat()[0]?.text ?? "";
}

function contentOf(contents: readonly object[]): string {
  return (contents[0] as { text: string }).text;
}

function promptOf(messages: readonly { content: object }[]): string {
  return textOf(messages[0]);
}

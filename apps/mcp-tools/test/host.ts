import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { bundleProgram } from "@parley/test-assertions";
import { CallToolResultSchema, type ListToolsResult } from "@modelcontextprotocol/sdk/types.js";

export const main: string = await bundleProgram(fileURLToPath(new URL("../dist/main.js", import.meta.url)));

/** What a tool answered: its object, or the text of its error. */
export type Outcome = { readonly result: Record<string, unknown> } | { readonly error: string };

/** An MCP host with one server: the tools, in a process of their own. */
export class Host implements AsyncDisposable {
  readonly #client = new Client({ name: "host", version: "1.0.0" });
  readonly #transport: StdioClientTransport;
  /** Lines on the server's standard output that are not protocol messages. */
  readonly noise: Error[] = [];
  log = "";

  private constructor(env: Readonly<Record<string, string>>) {
    this.#transport = new StdioClientTransport({ command: process.execPath, args: [main], env: { ...env }, stderr: "pipe" });
    this.#transport.stderr?.on("data", (chunk: Buffer) => (this.log += chunk.toString()));
    Object.assign(this.#client, { onerror: (error: Error) => this.noise.push(error) });
  }

  static async start(env: Readonly<Record<string, string>>): Promise<Host> {
    const host = new Host(env);
    await host.#client.connect(host.#transport);
    return host;
  }

  async tools(): Promise<ListToolsResult["tools"]> {
    return (await this.#client.listTools()).tools;
  }

  async call(name: string, args: Record<string, unknown> = {}): Promise<Outcome> {
    const answer = CallToolResultSchema.parse(await this.#client.callTool({ name, arguments: args }));
    const [part] = answer.content;
    const text = part?.type === "text" ? part.text : "";
    if (answer.isError === true) return { error: text };
    return { result: answer.structuredContent ?? {} };
  }

  /** The result of a call that must work. */
  async ask(name: string, args: Record<string, unknown> = {}): Promise<Record<string, unknown>> {
    const outcome = await this.call(name, args);
    if ("error" in outcome) throw new Error(outcome.error);
    return outcome.result;
  }

  async signal(signal: NodeJS.Signals): Promise<void> {
    const { pid } = this.#transport;
    if (pid === null) throw new Error("The server is not running");
    const gone = once(this.#transport.stderr ?? process.stderr, "end");
    process.kill(pid, signal);
    await gone;
  }

  /** Ends the server's input, as a host does, and waits for its end. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.close();
  }
}

import { PythonProgram, type DoubleEvent } from "./python-program.ts";

/**
 * The SDK that an agent stands for. `node` and `python` are today's; `go` has the API key in the query, and names no message in its outcomes; `oldest` has no
 * outcomes, and acknowledges before the handler.
 */
export type Generation = "node" | "python" | "go" | "oldest";

/** What an agent does with a message of a type, or with all (`*`). */
export interface Handler {
  readonly type: string;
  /** `reply` with `replyType` and `body`, by default that of the message; `fail` as if the handler threw. */
  readonly action: "reply" | "none" | "pass" | "fail";
  readonly replyType?: string;
  readonly body?: object;
  readonly comment?: string;
  /** Neither acknowledges nor runs the handler: {@link DoubleAgent.acknowledge} does. */
  readonly manual?: boolean;
}

/** Options of a {@link DoubleAgent}. */
export interface DoubleAgentOptions {
  readonly url: string;
  readonly apiKey: string;
  readonly generation?: Generation;
  /** Without one, the node assigns it. */
  readonly did?: string;
  readonly handlers?: readonly Handler[];
  /** Protocols without a handler. */
  readonly protocols?: readonly string[];
  /** The DID whose grants it borrows. */
  readonly parent?: string;
  /** Members in place of those of `did_spec`. */
  readonly didSpec?: object;
  /** Answers as an MCP server with tools of these names. */
  readonly mcp?: readonly string[];
  /** Binds the protocols of mediation, and collects what a mediator delivers. */
  readonly mediated?: boolean;
  /** Sends messages in fragments of this many bytes. */
  readonly fragment?: number;
  /** First wait before a reconnect, in seconds; it doubles. Default 1. */
  readonly backoff?: number;
}

/** A plaintext as it was received. */
export type Plaintext = Readonly<Record<string, unknown>>;

/** An agent of one of layr8's SDKs. */
export class DoubleAgent {
  readonly #program: PythonProgram;
  readonly #name: string;
  #did = "";
  /** `delegated_credentials` of the reply to the join. */
  delegated: unknown;

  constructor(program: PythonProgram, name: string) {
    this.#program = program;
    this.#name = name;
  }

  get did(): string {
    return this.#did;
  }

  async connect({ generation = "node", ...options }: DoubleAgentOptions): Promise<this> {
    const joined = (await this.call("connect", { generation, ...options })) as { did: string; delegated: unknown };
    this.#did = joined.did;
    this.delegated = joined.delegated;
    return this;
  }

  call(name: string, args: object = {}): Promise<unknown> {
    return this.#program.call(name, { ...args, name: this.#name });
  }

  /** Resolves once the node has accepted it. @returns recipients that are away. @throws DoubleCallError with `reason` and `code` of a rejection. */
  async send(message: object, more: { readonly grants?: boolean; readonly did?: string; readonly from?: string } = {}): Promise<string[]> {
    return ((await this.call("send", { message, ...more })) as { away: string[] }).away;
  }

  /** The response, which may be a problem report. */
  async request(
    message: object,
    more: { readonly grants?: boolean; readonly did?: string; readonly timeout?: number } = {},
  ): Promise<Plaintext> {
    return (await this.call("request", { message, ...more })) as Plaintext;
  }

  /** The next event of a kind that matches. */
  async event(event: string, matches: (value: DoubleEvent["value"]) => boolean = () => true): Promise<DoubleEvent["value"]> {
    return (await this.#program.event((each) => each.from === this.#name && each.event === event && matches(each.value))).value;
  }

  /** The plaintext of the next message that matches. */
  async message(matches: (plaintext: Plaintext) => boolean = () => true): Promise<Plaintext> {
    return (await this.event("message", ({ plaintext }) => matches(plaintext as Plaintext)))["plaintext"] as Plaintext;
  }

  /** Events of a kind that no one has taken. */
  untaken(event: string): readonly DoubleEvent["value"][] {
    return this.#program.untaken((each) => each.from === this.#name && each.event === event).map(({ value }) => value);
  }

  /** Acknowledges a message of a manual handler. */
  async acknowledge(id: string, did?: string): Promise<void> {
    await this.call("acknowledge", { id, ...(did !== undefined && { did }) });
  }

  /** Resets the connection without a close frame. */
  async kill(): Promise<void> {
    await this.call("kill");
  }

  async close(): Promise<void> {
    await this.call("close");
  }
}

/** Agents in one Python program. */
export class DoubleAgents {
  readonly #program = new PythonProgram("agents.py");
  readonly #agents: DoubleAgent[] = [];

  /** Connects an agent, and joins its DID. @throws DoubleCallError with the `reason` of a refused join. */
  async agent(options: DoubleAgentOptions): Promise<DoubleAgent> {
    const agent = new DoubleAgent(this.#program, `agent ${this.#agents.length}`);
    this.#agents.push(agent);
    return agent.connect(options);
  }

  /** Ends the program. @throws Error if an agent has seen a violation. */
  close(): Promise<void> {
    return this.#program.close();
  }

  /** The violation that the program ends with. */
  failure(): Promise<string> {
    return this.#program.failure();
  }
}

import { AdminError } from "@parley/admin";
import { ParleyError } from "@parley/core";
import type { AdminParameters } from "@parley/server-kit";
import { readBody } from "./read-body.ts";
import { TryAgent, type AnswerMode, type TriedMessage } from "./try-agent.ts";

/** What the page gets when it asks for messages. */
export interface TriedState {
  readonly version: number;
  readonly isConnected: boolean;
  readonly messages: readonly TriedMessage[];
}

const MAX_AGENTS = 8;
const MAX_TYPES = 50;
const CONNECT_MS = 10_000;
/** How long an answer to the page waits for a change, in milliseconds. */
const POLL_MS = 10_000;
/** A page that has not asked for so long is closed, in milliseconds. */
const LEAVE_MS = 10_000;

interface Waiting {
  readonly agent: TryAgent;
  /** Ends the agent after {@link LEAVE_MS}, while no page asks. */
  timer: NodeJS.Timeout | undefined;
}

/** The agents with which pages of the console wait for messages. An agent leaves when its page stops it, or no longer asks. */
export class TryAgents {
  readonly #environment: Readonly<NodeJS.ProcessEnv>;
  readonly #waiting = new Map<string, Waiting>();
  readonly #closing = new AbortController();
  /** Agents that are being connected. */
  #starting = 0;

  /** @param environment with the node's URL and API key. */
  constructor(environment: Readonly<NodeJS.ProcessEnv>) {
    this.#environment = environment;
  }

  /** Connects an agent. @throws AdminError `malformed_request`, `too_many_trials`, `not_connected` */
  async listen({ did = "", types = "", answer = "nothing", body = "" }: AdminParameters): Promise<{ id: string; did: string }> {
    const wanted = types.split(/[\s,]+/).filter(Boolean);
    if (wanted.length > MAX_TYPES) throw new AdminError(400, "malformed_request", `${MAX_TYPES} types at most`);
    if (!isAnswerMode(answer)) throw new AdminError(400, "malformed_request", "answer must be nothing, echo or body");
    const options = { types: wanted, answer, body: readBody(body) };
    if (this.#waiting.size + this.#starting >= MAX_AGENTS)
      throw new AdminError(429, "too_many_trials", `${MAX_AGENTS} agents of the console are waiting already: stop one`);
    this.#starting += 1;
    try {
      const agent = await this.#connect(did, options);
      this.#waiting.set(agent.id, { agent, timer: this.#leaveSoon(agent.id) });
      return { id: agent.id, did: agent.did };
    } finally {
      this.#starting -= 1;
    }
  }

  /** The messages of an agent, when they have changed since a version, or after 10 seconds. @throws AdminError `not_found` */
  async received({ id = "", since = "" }: AdminParameters): Promise<TriedState> {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) throw new AdminError(404, "not_found", "this agent has left");
    clearTimeout(waiting.timer);
    await waiting.agent.changed(since === "" ? -1 : Number(since), AbortSignal.any([this.#closing.signal, AbortSignal.timeout(POLL_MS)]));
    // A page that asks twice at a time would leave the timer of the first.
    clearTimeout(waiting.timer);
    waiting.timer = this.#leaveSoon(id);
    return waiting.agent.state();
  }

  /** Ends an agent. */
  async stop({ id = "" }: AdminParameters): Promise<{ stopped: boolean }> {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return { stopped: false };
    this.#waiting.delete(id);
    clearTimeout(waiting.timer);
    await waiting.agent.close();
    return { stopped: true };
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all(Array.from(this.#waiting.keys(), (id) => this.stop({ id })));
  }

  async #connect(did: string, options: ConstructorParameters<typeof TryAgent>[1]): Promise<TryAgent> {
    const { Client } = await import("layr8");
    const { LAYR8_NODE_URL: nodeUrl = "", LAYR8_API_KEY: apiKey = "" } = this.#environment;
    const client = new Client({ nodeUrl, apiKey, ...(did !== "" && { agentDid: did }) }, () => undefined);
    try {
      const agent = new TryAgent(client, options);
      await agent.connect(AbortSignal.any([this.#closing.signal, AbortSignal.timeout(CONNECT_MS)]));
      return agent;
    } catch (error) {
      await client.close();
      const { message } = ParleyError.from(error);
      throw new AdminError(409, "not_connected", message);
    }
  }

  #leaveSoon(id: string): NodeJS.Timeout {
    return setTimeout(() => void this.stop({ id }).catch(() => undefined), LEAVE_MS).unref();
  }
}

function isAnswerMode(text: string): text is AnswerMode {
  return text === "nothing" || text === "echo" || text === "body";
}

import { PythonProgram, type DoubleEvent } from "./python-program.ts";

/** Options of a {@link DoubleNode}. */
export interface DoubleNodeOptions {
  readonly apiKey: string;
  /** Capabilities in the reply to a join; none for a node that has the member not. Default: `reply_protocol/1` and `wildcard/1`. */
  readonly capabilities?: readonly string[];
  /** Accepts API keys in the query only. */
  readonly keyInQuery?: boolean;
  /** A type of message that the node denies. */
  readonly denies?: string;
  /** Credentials of a DID with a parent. */
  readonly delegated?: readonly object[];
  /** What it returns as a signed credential. */
  readonly signed?: string;
  /** Paths of the REST API that fail. */
  readonly failing?: readonly string[];
}

/** A node of layr8, which knows nothing of Parley, and ends at whatever such a node would not know. */
export class DoubleNode {
  readonly #program = new PythonProgram("nodes.py");
  #url = "";

  static async start(options: DoubleNodeOptions): Promise<DoubleNode> {
    const node = new DoubleNode();
    node.#url = ((await node.call("start", options)) as { url: string }).url;
    return node;
  }

  /** URL of its WebSocket. */
  get url(): string {
    return this.#url;
  }

  call(name: string, args: object = {}): Promise<unknown> {
    return this.#program.call(name, args);
  }

  /** The next event of a kind that matches: `upgrade`, `join`, `message`, `dispatch_reply`, `ack`, `leave`, `heartbeat`, `rest`, `gone`. */
  async event(event: string, matches: (value: DoubleEvent["value"]) => boolean = () => true): Promise<DoubleEvent["value"]> {
    return (await this.#program.event((each) => each.event === event && matches(each.value))).value;
  }

  /** Events of a kind that no one has taken. */
  untaken(event: string): readonly DoubleEvent["value"][] {
    return this.#program.untaken((each) => each.event === event).map(({ value }) => value);
  }

  /** Pushes an event to the topic of a DID. */
  async push(did: string, event: string, payload: object): Promise<void> {
    await this.call("push", { did, event, payload });
  }

  /** Ends the program. @throws Error if it has seen a violation. */
  close(): Promise<void> {
    return this.#program.close();
  }

  /** The violation that the program ends with. */
  failure(): Promise<string> {
    return this.#program.failure();
  }
}

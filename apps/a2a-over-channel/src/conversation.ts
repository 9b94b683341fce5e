import { Role, taskStateToJSON, type StreamResponse, type Task, type TaskStatus } from "@a2a-js/sdk";
import type { Client } from "@a2a-js/sdk/client";
import { ParleyError } from "skytale";
import { textMessage, textOf } from "./messages.ts";

const NO_TASK = 'send a message first, such as "count to 5"';

/** The conversation of one user with an agent. One stream is displayed at a time. */
export class Conversation {
  readonly #client: Client;
  readonly #tell: (line: string) => void;
  #taskId: string | undefined;
  #watching = new AbortController();
  #watched: Promise<void> = Promise.resolve();

  constructor(client: Client, tell: (line: string) => void) {
    this.#client = client;
    this.#tell = tell;
  }

  /** Executes one input line: a command, or a message. */
  async act(line: string): Promise<void> {
    const [command, argument] = line.split(" ");
    if (command === "/task") this.#tell(shown(await this.#client.getTask({ tenant: "", id: this.#id(argument) })));
    else if (command === "/cancel")
      this.#tell(shown(await this.#client.cancelTask({ tenant: "", id: this.#id(argument), metadata: undefined })));
    else if (command === "/leave") this.#leave();
    else if (command === "/again") {
      const id = this.#id(argument);
      this.#watch((options) => this.#client.resubscribeTask({ tenant: "", id }, options));
    } else {
      const message = textMessage(Role.ROLE_USER, line);
      this.#watch((options) =>
        this.#client.sendMessageStream({ tenant: "", message, configuration: undefined, metadata: undefined }, options),
      );
    }
  }

  /** Waits for the end of the displayed stream. */
  watched(): Promise<void> {
    return this.#watched;
  }

  #id(argument: string | undefined): string {
    const id = argument ?? this.#taskId;
    if (id === undefined) throw new Error(NO_TASK);
    return id;
  }

  #leave(): void {
    this.#watching.abort(new Error("left the stream; the task continues"));
  }

  #watch(open: (options: { readonly signal: AbortSignal }) => AsyncIterable<StreamResponse>): void {
    this.#leave();
    const watching = new AbortController();
    this.#watching = watching;
    this.#watched = this.#show(open({ signal: watching.signal }));
  }

  async #show(events: AsyncIterable<StreamResponse>): Promise<void> {
    try {
      for await (const { payload } of events) {
        if (payload?.$case === "message") this.#tell(`agent: ${textOf(payload.value)}`);
        else if (payload?.$case === "artifactUpdate") this.#tell(textOf(payload.value.artifact ?? { parts: [] }));
        else if (payload?.$case === "statusUpdate") this.#tell(`(${stateOf(payload.value.status)})`);
        else if (payload?.$case === "task") {
          this.#taskId = payload.value.id;
          this.#tell(shown(payload.value));
        }
      }
    } catch (error) {
      this.#tell(`(${ParleyError.from(error).message})`);
    }
  }
}

function shown({ id, status, artifacts }: Task): string {
  const numbers = artifacts.map(textOf).join(" ");
  return `(task ${id} is ${stateOf(status)}${numbers === "" ? "" : `: ${numbers}`})`;
}

/** Formats TASK_STATE_COMPLETED as "completed". */
function stateOf(status: TaskStatus | undefined): string {
  return status === undefined ? "unknown" : taskStateToJSON(status.state).replace("TASK_STATE_", "").toLowerCase();
}

import { Session } from "node:inspector";

interface AttachedWorker {
  readonly params: { readonly sessionId: string; readonly workerInfo: { readonly title: string } };
}

/** Runs code in the worker threads of this process, through the inspector: to hold one, or to crash it. */
export class InspectedWorkers implements Disposable {
  readonly #session = new Session();
  readonly #sessions: string[] = [];
  #lastId = 0;

  constructor() {
    this.#session.connect();
    this.#session.on("NodeWorker.attachedToWorker", ({ params }: AttachedWorker) => this.#sessions.push(params.sessionId));
  }

  /** Finds the threads that run now. */
  async attach(): Promise<void> {
    await this.#post("NodeWorker.enable", { waitForDebuggerOnStart: false });
  }

  /** Starts code in the thread that was found last, and does not wait for it. */
  async run(expression: string): Promise<void> {
    const sessionId = this.#sessions.at(-1);
    if (sessionId === undefined) throw new Error("No worker thread was found");
    const message = JSON.stringify({ id: ++this.#lastId, method: "Runtime.evaluate", params: { expression } });
    await this.#post("NodeWorker.sendMessageToWorker", { sessionId, message });
  }

  [Symbol.dispose](): void {
    this.#session.disconnect();
  }

  #post(method: string, params: object): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#session.post(method, params, (error) => (error === null ? resolve() : reject(error)));
    });
  }
}

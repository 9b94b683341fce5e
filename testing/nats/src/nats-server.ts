import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createConnection } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { natsCommand } from "./find-nats.ts";

/** Servers that form one JetStream, and how to end and restart each. */
export interface NatsServers {
  /** Addresses for clients. */
  readonly urls: readonly string[];
  readonly servers: readonly NatsServer[];
  /** Kills all servers and removes their files. */
  stop(): Promise<void>;
}

/** Output of a server that errors quote, in characters. */
const KEPT_OUTPUT = 4000;
const READY_WITHIN_MS = 60_000;
const POLL_MS = 20;

/** Ends every server that is still running when the test's process ends. */
const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** One process. */
export class NatsServer {
  readonly name: string;
  readonly port: number;
  readonly #host: string;
  readonly #command: readonly string[];
  #child: ChildProcess | undefined;
  #output = "";

  /** @param address where it listens for clients. @param enter a command that runs another one on the server's machine; default: this machine. */
  constructor(name: string, address: URL, args: readonly string[], enter: readonly string[] = []) {
    this.name = name;
    this.#host = address.hostname;
    this.port = Number(address.port);
    this.#command = [...enter, natsCommand(), ...args];
  }

  /** Id of the process; `undefined` while it doesn't run. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Starts the process, on the same port and files as before. Resolves when it accepts connections. @throws Error with its output */
  async start(): Promise<void> {
    const deadline = performance.now() + READY_WITHIN_MS;
    this.#spawn();
    while (!(await accepts(this.#host, this.port))) {
      // Another process may use the port for a moment.
      if (this.#child === undefined && this.#output.includes("address already in use")) this.#spawn();
      else if (this.#child === undefined) throw new Error(`${this.name} ended: ${this.#output}`);
      if (performance.now() > deadline) throw new Error(`${this.name} accepts no connections: ${this.#output}`);
      await delay(POLL_MS);
    }
  }

  /** Sends a signal. After `SIGKILL` and `SIGTERM`, resolves when the process has ended. */
  async signal(signal: "SIGKILL" | "SIGTERM" | "SIGSTOP" | "SIGCONT"): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    child.kill(signal);
    if (signal === "SIGKILL" || signal === "SIGTERM") await once(child, "exit");
  }

  #spawn(): void {
    this.#output = "";
    const [program = "", ...args] = this.#command;
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
    this.#child = child;
    running.add(child);
    const keep = (data: Buffer): void => {
      this.#output = (this.#output + data.toString()).slice(-KEPT_OUTPUT);
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    child.on("exit", () => {
      running.delete(child);
      if (this.#child === child) this.#child = undefined;
    });
  }
}

function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host, port });
    const end = (isOpen: boolean): void => {
      socket.destroy();
      resolve(isOpen);
    };
    socket.on("connect", () => end(true)).on("error", () => end(false));
  });
}

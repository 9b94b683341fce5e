import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { bundleProgram } from "@parley/test-assertions";
import { deferred, type Deferred } from "@parley/core/internal";

const AGENT = await bundleProgram(fileURLToPath(new URL("../fixtures/agent.mjs", import.meta.url)));

type Said = Readonly<Record<string, unknown>>;

/** A message and its place in the log. */
export interface Noted {
  readonly text: string;
  readonly sequence: number;
  /** The life of the agent in which it was. */
  readonly life: number;
}

/** An agent that can be killed, and restarted on the same directory. */
export class AgentProcess {
  readonly sent: Noted[] = [];
  readonly got: Noted[] = [];
  readonly errors: string[] = [];
  readonly #parameters: readonly string[];
  readonly #env: Readonly<Record<string, string>>;
  #child: ChildProcessWithoutNullStreams | undefined;
  #life = 0;
  #answers: Deferred<Said>[] = [];

  /** @param parameters of the process: relay, API, key, directory, identity. @param env further variables. */
  constructor(parameters: readonly string[], env: Readonly<Record<string, string>> = {}) {
    this.#parameters = parameters;
    this.#env = env;
  }

  start(): void {
    const life = ++this.#life;
    const child = spawn(process.execPath, [AGENT, ...this.#parameters, String(life)], { env: { ...process.env, ...this.#env } });
    child.stderr.pipe(process.stderr);
    child.stdin.on("error", () => undefined);
    this.#child = child;
    this.#answers = [];
    const answers = this.#answers;
    createInterface({ input: child.stdout }).on("line", (line) => this.#heard(JSON.parse(line) as Said, life, answers));
  }

  /** @throws when the process ends first. */
  async tell(step: string, parameters: Said = {}): Promise<Said> {
    const answer = deferred<Said>();
    this.#answers.push(answer);
    this.#child?.stdin.write(`${JSON.stringify({ step, ...parameters })}\n`);
    return answer.promise;
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    // Its last lines are in the pipe.
    const closed = once(child, "close");
    child.kill("SIGKILL");
    await closed;
  }

  /** Ends its input. Resolves when it has ended. */
  async end(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const closed = once(child, "close");
    child.stdin.end();
    await closed;
  }

  /** Stops it in the middle of whatever it does, for {@link AgentProcess.resume} to continue: connections stay open and silent. */
  pause(): void {
    this.#child?.kill("SIGSTOP");
  }

  resume(): void {
    this.#child?.kill("SIGCONT");
  }

  #heard(said: Said, life: number, answers: Deferred<Said>[]): void {
    const sequence = Number(said["sequence"]);
    if (typeof said["got"] === "string") this.got.push({ text: said["got"], sequence, life });
    else if (typeof said["sent"] === "string") this.sent.push({ text: said["sent"], sequence, life });
    else if (typeof said["error"] === "string") this.errors.push(`${said["error"]}: ${String(said["message"])}`);
    else answers.shift()?.resolve(said);
  }
}

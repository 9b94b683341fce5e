import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundleProgram, freePort } from "@parley/test-assertions";

const bundle = (url: URL): Promise<string> => bundleProgram(fileURLToPath(url));
const PROGRAMS = {
  sender: await bundle(new URL("sender.mjs", import.meta.url)),
  receiver: await bundle(new URL("receiver.mjs", import.meta.url)),
};
export const NODE_COMMAND: string = await bundle(new URL("../../../layr8-node/dist/bin.js", import.meta.url));

export const API_KEY = "a-key-that-chaos-can-not-guess";

/** A process that is killed and started again; its stderr, and an exit that the test did not cause, are recorded. */
export class Victim implements AsyncDisposable {
  readonly name: string;
  readonly said: string[] = [];
  readonly #args: (life: number) => string[];
  readonly #ready: string | undefined;
  #process: ChildProcess | undefined;
  #killed = false;
  #life = 0;

  /** @param ready text on stdout that says it is up. */
  constructor(name: string, args: (life: number) => string[], ready?: string) {
    this.name = name;
    this.#args = args;
    this.#ready = ready;
  }

  async start(): Promise<void> {
    this.#killed = false;
    this.#life += 1;
    const child = spawn(process.execPath, this.#args(this.#life), {
      env: { ...process.env, LAYR8_NODE_API_KEY: API_KEY },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#process = child;
    child.stderr.on("data", (data) => this.said.push(`${this.name}: ${data}`));
    child.on("exit", (code, signal) => {
      if (!this.#killed) this.said.push(`${this.name} exited: ${code ?? signal}`);
    });
    if (this.#ready === undefined) return;
    for await (const data of child.stdout) if (String(data).includes(this.#ready)) return;
  }

  async kill(): Promise<void> {
    const child = this.#process;
    this.#killed = true;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "exit");
  }

  /** Stops it in the middle of whatever it does, for {@link Victim.resume} to continue: connections stay open and silent. */
  pause(): void {
    this.#process?.kill("SIGSTOP");
  }

  resume(): void {
    this.#process?.kill("SIGCONT");
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }
}

/** A node with a data directory, on a port that stays. */
export async function nodeProcess(dataDir: string): Promise<{ readonly node: Victim; readonly url: string; readonly httpUrl: string }> {
  const port = await freePort();
  const args = [NODE_COMMAND, "--port", String(port), "--data-dir", dataDir, "--log", "error"];
  const authority = `127.0.0.1:${port}`;
  return {
    node: new Victim("node", () => args, "LAYR8_NODE_URL"),
    url: `ws://${authority}/plugin_socket/websocket`,
    httpUrl: `http://${authority}`,
  };
}

/** An agent's process: one of the programs beside this file, with a log of its own. */
export function agentProcess(
  program: keyof typeof PROGRAMS,
  did: string,
  directory: string,
  options: object,
): { readonly agent: Victim; lines(): string[] } {
  const log = join(directory, `${did.split(":").at(-1)}.log`);
  writeFileSync(log, "");
  const agent = new Victim(did, (life) => [
    // One that comes back before the node has noticed its end takes its own DID over.
    "--disable-warning=PARLEY_TOOK_OVER",
    PROGRAMS[program],
    JSON.stringify({ ...options, did, log, life, apiKey: API_KEY }),
  ]);
  // A kill leaves no half line: each is one write.
  return { agent, lines: () => readFileSync(log, "utf8").split("\n").filter(Boolean) };
}

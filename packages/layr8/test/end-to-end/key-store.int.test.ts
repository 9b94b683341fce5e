import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Agents, ALICE, KEY } from "./agents.ts";

const PROGRAM = fileURLToPath(new URL("fixtures/agent-process.mjs", import.meta.url));

let agents: Agents;
let processes: AgentProcess[];

beforeEach(async () => {
  agents = await Agents.start();
  processes = [];
});

afterEach(async () => {
  await Promise.all(processes.map((each) => each.kill()));
  await agents[Symbol.asyncDispose]();
});

/** Alice in a process of her own. */
class AgentProcess {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(keyStore: string) {
    const child = spawn(process.execPath, [PROGRAM, agents.node("a").url, KEY, ALICE, keyStore], { stdio: ["pipe", "pipe", "inherit"] });
    this.#child = child;
    this.#lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    processes.push(this);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  async line(): Promise<string> {
    const { value } = await this.#lines.next();
    return String(value);
  }

  async connect(): Promise<Record<string, unknown>> {
    this.#child.stdin?.write("connect\n");
    return JSON.parse(await this.line()) as Record<string, unknown>;
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await exited;
  }
}

describe("a key store", () => {
  it("that is empty gives keys to one of several processes, whose keys are those that are stored and published", async () => {
    for (let round = 0; round < 3; round++) {
      const keyStore = `${agents.keyStore(ALICE)}-${round}`;
      const started = Array.from({ length: 4 }, () => new AgentProcess(keyStore));
      await Promise.all(started.map((each) => each.line()));
      const results = await Promise.all(started.map((each) => each.connect()));
      const [winner, ...others] = results.filter(({ fingerprint }) => fingerprint !== undefined);
      expect(others).toEqual([]);
      for (const result of results.filter((each) => each !== winner)) {
        expect(result).toMatchObject({ name: "ConnectionError", code: "key_store_in_use", retryable: true, cause: "EndToEndError" });
        expect(result["message"]).toMatch(/^Could not connect: The key store .* is in use by another process \(pid \d+\)$/);
      }
      await Promise.all(started.map((each) => each.kill()));
      const here = await agents.agent(ALICE, { keyStore }).connect();
      expect(await here.keyFingerprint()).toBe(winner?.["fingerprint"]);
      await here.close();
      await agents.node("a").deleteAgent(ALICE);
    }
  });

  it("is free again when its process has closed the client, or has ended", async () => {
    const here = await agents.agent(ALICE).connect();
    const [first, second] = [new AgentProcess(agents.keyStore(ALICE)), new AgentProcess(agents.keyStore(ALICE))];
    await Promise.all([first.line(), second.line()]);
    const message = `Could not connect: The key store ${agents.keyStore(ALICE)} is in use by another process (pid ${process.pid})`;
    expect(await first.connect()).toMatchObject({ code: "key_store_in_use", message });
    const fingerprint = await here.keyFingerprint();
    await here.close();
    expect(await second.connect()).toEqual({ fingerprint });
    await expect(agents.agent(ALICE).connect()).rejects.toMatchObject({
      code: "key_store_in_use",
      message: `Could not connect: The key store ${agents.keyStore(ALICE)} is in use by another process (pid ${second.pid})`,
    });
    await second.kill();
    expect(await (await agents.agent(ALICE).connect()).keyFingerprint()).toBe(fingerprint);
  });
});

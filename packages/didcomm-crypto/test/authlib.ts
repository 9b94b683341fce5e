import { spawn, spawnSync, type ChildProcessByStdio } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import type { PrivateJwk } from "../src/index.ts";
import type { ProtectedHeader } from "./oracle-message.ts";
import type { TestKey } from "./parties.ts";

/** Debian's own, which is the one that sees Debian's packages. */
const PYTHON = process.env["PARLEY_PYTHON"] ?? "/usr/bin/python3";

/** Why the tests against Authlib can't run: no Python has it. `undefined` if they can. */
export function missingAuthlib(): string | undefined {
  if (spawnSync(PYTHON, ["-c", "import authlib.jose.drafts"]).status === 0) return undefined;
  return `${PYTHON} has no Authlib; install Debian's python3-authlib, or set PARLEY_PYTHON to a Python that has it`;
}

type PythonProcess = ChildProcessByStdio<Writable, Readable, null>;

/** Runs Authlib in a separate process. Its errors are rethrown here. */
export class Authlib {
  readonly #python: PythonProcess;
  readonly #lines: AsyncIterator<string>;

  private constructor(python: PythonProcess) {
    this.#python = python;
    this.#lines = createInterface(python.stdout)[Symbol.asyncIterator]();
  }

  static async start(): Promise<Authlib> {
    const script = fileURLToPath(new URL("authlib_oracle.py", import.meta.url));
    const authlib = new Authlib(spawn(PYTHON, [script], { stdio: ["pipe", "pipe", "inherit"] }));
    await authlib.#answer();
    return authlib;
  }

  encrypt(text: string, header: ProtectedHeader, to: readonly TestKey[], from?: TestKey): Promise<string> {
    const recipients = { kids: to.map(({ kid }) => kid), to: to.map(({ publicKey }) => publicKey) };
    return this.#ask("encrypt", { text, protected: header, ...recipients, sender: from?.privateKey ?? null });
  }

  decrypt(packed: string, own: { kid: string; privateKey: PrivateJwk }, from?: TestKey): Promise<string> {
    return this.#ask("decrypt", { packed, kid: own.kid, own: own.privateKey, sender: from?.publicKey ?? null });
  }

  sign(text: string, header: object, { kid, privateKey }: TestKey): Promise<string> {
    return this.#ask("sign", { text, protected: header, kid, key: privateKey });
  }

  verify(signed: string, { publicKey }: TestKey): Promise<string> {
    return this.#ask("verify", { signed, key: publicKey });
  }

  stop(): void {
    this.#python.stdin.end();
  }

  /** One question at a time. */
  async #ask(call: string, args: object): Promise<string> {
    this.#python.stdin.write(`${JSON.stringify([call, args])}\n`);
    const { value, error } = await this.#answer();
    if (value === undefined) throw new Error(error);
    return value;
  }

  async #answer(): Promise<{ value?: string; error?: string }> {
    const line = await this.#lines.next();
    if (line.done === true) throw new Error("Python has ended");
    return JSON.parse(line.value) as { value?: string; error?: string };
  }
}

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AdminServer, type PerformedAction } from "@parley/admin";

/** An answer of the admin server. */
export interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

/** Options of a call. */
interface CallOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** An admin server for tests, the client that calls it, and everything that it has sent. */
export class TestAdmin {
  readonly directory: string;
  readonly server: AdminServer;
  /** The log of actions. */
  readonly acted: PerformedAction[] = [];
  /** Everything that the admin server has sent. */
  sent = "";
  readonly #stop = new AbortController();
  #stream: Promise<void> | undefined;

  private constructor(directory: string, options: { readonly actions: boolean; readonly bodies: boolean }) {
    this.directory = directory;
    this.server = new AdminServer({ port: 0, files: directory, ...options, onAction: (action) => this.acted.push(action) });
  }

  static async create({ actions = true, bodies = false } = {}): Promise<TestAdmin> {
    const directory = await mkdtemp(join(tmpdir(), "parley-actions-"));
    await writeFile(join(directory, "index.html"), "<!doctype html><title>page</title>");
    return new TestAdmin(directory, { actions, bodies });
  }

  /** Opens the port, and reads the stream of events. */
  async listen(): Promise<void> {
    await this.server.listen();
    const response = await this.#fetch("/api/stream?after=0");
    this.#stream = this.#readStream(response);
  }

  read(source: string, name: string, parameters: Record<string, string> = {}): Promise<Answer> {
    return this.get(`/api/read/${source}/${name}?${new URLSearchParams(parameters).toString()}`);
  }

  async get(path: string): Promise<Answer> {
    return this.#answer(await this.#fetch(path));
  }

  async act(source: string, name: string, parameters: Record<string, string> = {}): Promise<Answer> {
    const response = await this.#fetch(`/api/act/${source}/${name}`, {
      method: "POST",
      headers: { "content-type": "application/json", "user-agent": "test" },
      body: JSON.stringify(parameters),
    });
    return this.#answer(response);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#stream;
    await this.server.close();
    await rm(this.directory, { recursive: true, force: true });
  }

  async #answer(response: Response): Promise<Answer> {
    const text = await response.text();
    this.sent += text;
    return { status: response.status, body: JSON.parse(text) as Record<string, unknown> };
  }

  #fetch(path: string, { headers, ...init }: CallOptions = {}): Promise<Response> {
    const { origin, hash } = new URL(this.server.url);
    const authorization = `Bearer ${hash.replace("#token=", "")}`;
    return fetch(`${origin}${path}`, { ...init, headers: { ...headers, authorization }, signal: this.#stop.signal });
  }

  async #readStream({ body }: Response): Promise<void> {
    const decoder = new TextDecoder();
    try {
      for await (const part of body ?? []) this.sent += decoder.decode(part as Uint8Array, { stream: true });
    } catch {
      // The test has ended.
    }
  }
}

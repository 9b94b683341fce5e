import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deferred } from "@parley/core/internal";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type LifecycleOptions, ServerLifecycle, type ServerKind, ServerStorage, startServer } from "../src/index.ts";

const KIND: ServerKind = {
  program: "my-server",
  noun: "server",
  stored: "notes",
  expiring: "notes",
  loadConsole: () => Promise.reject(new Error("no console")),
  schema: { name: "notes", schema: 1 },
};

let directory: string;
let lines: { readonly level: number; readonly msg: string }[];
const logger = pino({ level: "info" }, { write: (line: string) => void lines.push(JSON.parse(line) as (typeof lines)[number]) });

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "server-kit-"));
  lines = [];
});
afterEach(async () => {
  vi.useRealTimers();
  await rm(directory, { recursive: true, force: true });
});

const messages = (): readonly string[] => lines.map(({ msg }) => msg);

describe("startServer", () => {
  it("warns that data in memory is lost, and that a directory is accessible to others, and reports how data is stored", async () => {
    const run = ({ storage }: { readonly storage: ServerStorage }): Promise<void> => storage.close();
    await startServer(KIND, { logger }, run);
    expect(messages()).toEqual(["no dataDir: notes are kept in memory and lost when this server stops", "storage in use"]);
    expect(lines.at(-1)).toMatchObject({ acknowledged: "in the memory of this process" });
    await chmod(directory, 0o755);
    await startServer(KIND, { logger, dataDir: directory }, run);
    expect(messages()[2]).toContain(`${directory} is accessible to other users`);
    expect(lines.at(-1)).toMatchObject({ acknowledged: "flushed to disk (fsync)" });
  });

  it("closes the stores and releases the directory if the server fails to start", async () => {
    const closed = vi.fn<() => void>();
    const start = startServer(KIND, { logger: false, dataDir: directory }, ({ storage }) => {
      storage.closeFirst(closed);
      return Promise.reject(new Error("no port"));
    });
    await expect(start).rejects.toThrow("no port");
    expect(closed).toHaveBeenCalledOnce();
    await (await ServerStorage.open({ dataDir: directory, schema: KIND.schema })).close();
  });
});

describe("a server's lifecycle", () => {
  async function lifecycle(options: Partial<LifecycleOptions> = {}): Promise<{ server: ServerLifecycle; steps: string[] }> {
    const steps: string[] = [];
    const storage = await ServerStorage.open({ dataDir: directory, schema: KIND.schema });
    storage.closeFirst(() => void steps.push("store closed"));
    const server = new ServerLifecycle({
      noun: "server",
      logger,
      storage,
      listen: () => Promise.resolve({ url: "http://127.0.0.1:1" }),
      tasks: [],
      stop: async () => {
        await storage.checkWrites();
        steps.push("stopped");
      },
      onDamaged: () => undefined,
      onFailure: () => undefined,
      ...options,
    });
    return { server, steps };
  }

  it("stops the server before its stores, once, and rejects calls from then on", async () => {
    const { server, steps } = await lifecycle();
    await server.start();
    server.assertOpen();
    const closing = [server.close(), server.close()];
    expect(server.isClosing).toBe(true);
    expect(() => server.assertOpen()).toThrow("The server is closed");
    await Promise.all(closing);
    expect(steps).toEqual(["stopped", "store closed"]);
    expect(lines).toMatchObject([{ msg: "listening", url: "http://127.0.0.1:1" }, { msg: "stopped" }]);
  });

  it("closes everything if a port is not available", async () => {
    const { server, steps } = await lifecycle({ listen: () => Promise.reject(new Error("in use")) });
    await expect(server.start()).rejects.toThrow("in use");
    expect(steps).toEqual(["stopped", "store closed"]);
    expect(messages()).toEqual([]);
  });

  it("repeats tasks until it stops, also after a failure, and never twice at a time", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    const failures: unknown[] = [];
    const slow = deferred<void>();
    const tasks = [
      vi.fn<() => void>(() => {
        throw new Error("failed");
      }),
      vi.fn<() => Promise<void>>(() => slow.promise),
    ];
    const { server } = await lifecycle({
      tasks: tasks.map((run) => ({ everyMs: 1000, run })),
      onFailure: (error) => failures.push(error),
    });
    await server.start();
    await vi.advanceTimersByTimeAsync(2000);
    expect(failures).toEqual([new Error("failed"), new Error("failed")]);
    expect(tasks.map((task) => task.mock.calls.length)).toEqual([2, 1]);
    slow.resolve();
    await server.close();
    await vi.advanceTimersByTimeAsync(2000);
    expect(tasks.map((task) => task.mock.calls.length)).toEqual([2, 1]);
  });
});

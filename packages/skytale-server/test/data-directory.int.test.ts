import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { canMountSmallDisk, smallDisk, type SmallDisk } from "@parley/test-assertions";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { startSkytale, type SkytaleServer } from "../src/index.ts";
import { LmdbLog } from "../src/log/lmdb-log.ts";
import { LmdbWelcomes } from "../src/log/lmdb-welcomes.ts";
import { Relay } from "../src/relay/relay.ts";

const canMount = await canMountSmallDisk("a Skytale server on a full disk");
const start = (dataDir: string): Promise<SkytaleServer> => startSkytale({ port: 0, relayPort: 0, dataDir, logger: false });

describe.skipIf(!canMount)("a server on a full disk", () => {
  let disk: SmallDisk;
  let dataDir: string;
  beforeEach(async () => {
    disk = await smallDisk(4 * 1024 * 1024);
    dataDir = join(disk.path, "server");
  });
  afterEach(() => disk.remove());

  it("refuses to start, is unhealthy while nothing can be written, and recovers without a restart", async () => {
    await disk.fill();
    await expect(start(dataDir)).rejects.toMatchObject({
      code: "storage_failed",
      message: expect.stringContaining(`${dataDir} cannot be opened: no space left on device`),
    });
    await disk.drain();
    await using server = await start(dataDir);
    const health = async (): Promise<unknown> => {
      const response = await fetch(`${server.apiUrl}/health/`);
      return { status: response.status, body: await response.json() };
    };
    expect(await health()).toEqual({ status: 200, body: { status: "ok" } });
    await disk.fill();
    await expect.poll(health).toEqual({
      status: 503,
      body: { status: "failing", reason: "writes fail: no space left on device" },
    });
    let accounts = 0;
    const create = async (): Promise<void> => {
      accounts += 1;
      await server.createAccount({ email: `${accounts}@example.org`, name: "x".repeat(100) });
    };
    const failing = async (): Promise<void> => {
      for (let calls = 0; calls < 5000; calls += 1) await create();
    };
    await expect(failing()).rejects.toThrow(expect.objectContaining({ retryable: true }) as Error);
    await disk.drain();
    expect(await health()).toEqual({ status: 200, body: { status: "ok" } });
    await create();
  });
});

describe("closing a server", () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "server-data-"));
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await rm(directory, { recursive: true, force: true });
  });

  const STEPS: readonly [step: string, owner: object][] = [
    ["the relay", Relay.prototype],
    ["the log", LmdbLog.prototype],
    ["the welcomes", LmdbWelcomes.prototype],
  ];
  it.each(STEPS)("frees ports and directory, and reports the first error, when this fails: %s", async (_step, owner) => {
    const server = await start(directory);
    const error = new Error("this step fails");
    const failing = vi.spyOn(owner as { close: () => Promise<void> }, "close").mockRejectedValue(error);
    await expect(server.close()).rejects.toBe(error);
    failing.mockRestore();
    const { apiPort, relayPort } = server;
    await using again = await startSkytale({ port: apiPort, relayPort, dataDir: directory, logger: false });
    expect(again.relayPort).toBe(relayPort);
  });

  it("frees everything when one of the ports is taken", async () => {
    await using other = await startSkytale({ port: 0, relayPort: 0, logger: false });
    for (const taken of [
      { port: other.apiPort, relayPort: 0 },
      { port: 0, relayPort: other.relayPort },
    ]) {
      await expect(startSkytale({ ...taken, dataDir: directory, logger: false })).rejects.toMatchObject({ code: "EADDRINUSE" });
    }
    await (await start(directory)).close();
  });
});

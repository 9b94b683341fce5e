import { rm } from "node:fs/promises";
import { join } from "node:path";
import { canMountSmallDisk, smallDisk, type SmallDisk } from "@parley/test-assertions";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startNode, type Layr8Node } from "../src/index.ts";

const canMount = await canMountSmallDisk("a node on a full disk");

describe.skipIf(!canMount)("a node on a full disk", () => {
  let disk: SmallDisk;
  let dataDir: string;
  beforeEach(async () => {
    disk = await smallDisk(4 * 1024 * 1024);
    dataDir = join(disk.path, "node");
  });
  afterEach(() => disk.remove());

  const start = (): Promise<Layr8Node> => startNode({ port: 0, dataDir, logger: false });
  const health = async (node: Layr8Node): Promise<unknown> => {
    const response = await fetch(`${node.httpUrl}/health`);
    return { status: response.status, body: await response.json() };
  };

  it("refuses to start, with the reason and the directory, and starts once there is room", async () => {
    await disk.fill();
    await expect(start()).rejects.toMatchObject({
      code: "storage_failed",
      retryable: true,
      message: expect.stringContaining(`${dataDir} cannot be opened: no space left on device`),
    });
    await disk.drain();
    await using node = await start();
    expect(await health(node)).toEqual({ status: 200, body: { status: "ok" } });
  });

  it("is unhealthy while nothing can be written, recovers without a restart, and frees its directory", async () => {
    const node = await start();
    await disk.fill();
    await expect
      .poll(() => health(node))
      .toEqual({
        status: 503,
        body: { status: "failing", reason: "writes fail: no space left on device" },
      });
    const create = async (): Promise<void> => void (await node.createApiKey({ dids: "any", name: "x".repeat(20_000) }));
    const failing = async (): Promise<void> => {
      // Some room is left in the database's file.
      for (let keys = 0; keys < 1000; keys += 1) await create();
    };
    await expect(failing()).rejects.toMatchObject({
      code: "storage_failed",
      message: `A write failed: no space left on device, ${dataDir}`,
    });
    await disk.drain();
    expect(await health(node)).toEqual({ status: 200, body: { status: "ok" } });
    await create();
    await disk.fill();
    await node.close();
    await using again = await start();
    expect(again.apiKey).toBeUndefined();
    await rm(join(disk.path, "filler"), { force: true });
  });
});

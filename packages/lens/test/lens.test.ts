import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { findLenses, type Lens, type LensReport, openLens, readLens } from "../src/index.ts";

const REPORT: LensReport = { kind: "channels", channels: [] };
let directory: string;
const open: Lens[] = [];

beforeEach(async () => {
  directory = join(await mkdtemp(join(tmpdir(), "parley-lens-")), "lenses");
});

afterEach(async () => {
  await Promise.all(open.splice(0).map((lens) => lens.close()));
  await rm(join(directory, ".."), { recursive: true });
});

async function start(read: () => LensReport = () => REPORT): Promise<void> {
  open.push(await openLens({ directory, name: "alice", read }));
}

describe("a lens", () => {
  it("is found by its file, and reports", async () => {
    await start();
    const [found, ...others] = await findLenses(directory);
    expect(others).toEqual([]);
    expect(found).toMatchObject({ name: "alice", pid: process.pid });
    if (found === undefined) return;
    expect(await readLens(found)).toEqual({ ok: true, report: REPORT });
  });

  it.skipIf(process.platform === "win32")("has a file and a directory for this user only", async () => {
    await start();
    const [file = ""] = await readdir(directory);
    expect((await stat(join(directory, file))).mode & 0o777).toBe(0o600);
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
  });

  it("removes its file and closes its port, once", async () => {
    await start();
    const [found] = await findLenses(directory);
    await Promise.all([open[0]?.close(), open[0]?.close()]);
    expect(await readdir(directory)).toEqual([]);
    expect(found && (await readLens(found))).toMatchObject({ ok: false, reason: expect.stringContaining("does not answer") as unknown });
  });

  it.each([
    ["without its token", {}, 401],
    ["with another token", { authorization: "Bearer other" }, 401],
    ["of a page of another origin", { authorization: "TOKEN", origin: "http://evil.example" }, 403],
    ["of a browser", { authorization: "TOKEN", "sec-fetch-site": "same-origin" }, 403],
    ["under another name", { authorization: "TOKEN", host: "evil.example" }, 403],
  ])("refuses a request %s", async (_, headers, status) => {
    await start();
    const [found] = await findLenses(directory);
    const { authorization, ...rest } = headers as Record<string, string>;
    const given =
      authorization === "TOKEN" ? { authorization: `Bearer ${found?.token}` } : authorization === undefined ? {} : { authorization };
    const sent = request(`${found?.url}/report`, { headers: { ...rest, ...given } });
    sent.end();
    const [response] = (await once(sent, "response")) as [{ statusCode: number; resume(): void }];
    response.resume();
    expect(response.statusCode).toBe(status);
  });

  it("answers no other path", async () => {
    await start();
    const [found] = await findLenses(directory);
    const response = await fetch(`${found?.url}/other`, { headers: { authorization: `Bearer ${found?.token}` } });
    expect(response.status).toBe(404);
  });

  it("is a reason instead of a report if it fails", async () => {
    await start(() => {
      throw new Error("secret");
    });
    const [found] = await findLenses(directory);
    expect(found && (await readLens(found))).toEqual({ ok: false, reason: "the agent's lens answered with HTTP 500" });
  });

  it("is a reason instead of a report if it reports something else", async () => {
    await start(() => ({ kind: "channels", channels: [1] }) as unknown as LensReport);
    const [found] = await findLenses(directory);
    expect(found && (await readLens(found))).toMatchObject({ ok: false, reason: expect.stringContaining("sent no report") as unknown });
  });

  it("is a reason instead of a report if it is too large", async () => {
    await start(() => ({ kind: "channels", channels: [], filler: "x".repeat(3 * 1024 * 1024) }) as unknown as LensReport);
    const [found] = await findLenses(directory);
    expect(found && (await readLens(found))).toMatchObject({ ok: false, reason: expect.stringContaining("exceeds") as unknown });
  });
});

describe("announcements", () => {
  const valid = { name: "alice", pid: process.pid, openedAt: 1, url: "http://127.0.0.1:4000", token: "t" };
  const fileOf = (name = "1"): string => join(directory, `lens-${name}-0123456789abcdef.json`);

  it.each([
    ["no JSON", "{"],
    ["no object", "[]"],
    ["another host", JSON.stringify({ ...valid, url: "http://evil.example:80" })],
    ["a path", JSON.stringify({ ...valid, url: "http://127.0.0.1:80/x" })],
    ["no token", JSON.stringify({ ...valid, token: 1 })],
    ["a process id below 1", JSON.stringify({ ...valid, pid: -1 })],
    ["more than 4 KiB", JSON.stringify({ ...valid, name: "x".repeat(5000) })],
  ])("with %s are left out", async (_, content) => {
    await start();
    await writeFile(fileOf(), content, { mode: 0o600 });
    expect(await findLenses(directory)).toHaveLength(1);
  });

  it.skipIf(process.platform === "win32")("that other users can read are left out", async () => {
    await start();
    await writeFile(fileOf(), JSON.stringify(valid), { mode: 0o644 });
    expect(await findLenses(directory)).toHaveLength(1);
  });

  it("beyond 64 are left out", async () => {
    await start();
    for (let number = 1; number <= 70; number++) await writeFile(fileOf(String(number)), JSON.stringify(valid), { mode: 0o600 });
    expect(await findLenses(directory)).toHaveLength(64);
  });

  it("of processes that have ended are removed", async () => {
    await start();
    // No process has this id: Linux allows 2^22.
    await writeFile(fileOf(), JSON.stringify({ ...valid, pid: 2 ** 30, url: "http://127.0.0.1:1" }), { mode: 0o600 });
    const ended = (await findLenses(directory)).find(({ pid }) => pid === 2 ** 30);
    expect(ended && (await readLens(ended))).toBeUndefined();
    await expect(readFile(fileOf())).rejects.toThrow("ENOENT");
  });

  it("are not expected in a missing directory", async () => {
    expect(await findLenses(join(directory, "missing"))).toEqual([]);
  });
});

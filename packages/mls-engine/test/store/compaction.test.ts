import { describe, expect, it } from "vitest";
import { CrashingFiles } from "./crashing-files.ts";
import { openOn, put, rowsOf } from "./open-files.ts";

function bytesOf(files: CrashingFiles, ending: string): Buffer {
  return Buffer.concat(Array.from(files.contents()).flatMap(([name, bytes]) => (name.endsWith(ending) ? [bytes] : [])));
}

describe("Compaction of a store in files", () => {
  it("leaves no replaced or removed secret on disk", async () => {
    const files = new CrashingFiles();
    const store = await openOn(files);
    const partition = await store.open("p");
    await partition.write([put("a", "first secret"), put("b", "second secret"), put("kept", "third secret")], "durable");
    await partition.write([put("a", "fourth secret"), { key: "b", value: undefined }], "durable");
    await partition.write([put("a", "fifth secret", true)], "durable");
    for (const text of ["first secret", "second secret", "fourth secret"]) expect(bytesOf(files, "").includes(text)).toBe(true);
    await partition.compact();
    for (const text of ["first secret", "second secret", "fourth secret"]) expect(bytesOf(files, "").includes(text)).toBe(false);
    for (const text of ["third secret", "fifth secret"]) expect(bytesOf(files, "").includes(text)).toBe(true);
    // And not after a crash right away.
    const disk = files.afterCrash(() => 0);
    for (const text of ["first secret", "second secret", "fourth secret"]) expect(bytesOf(disk, "").includes(text)).toBe(false);
  });

  it("erases secrets that an earlier run replaced", async () => {
    const files = new CrashingFiles();
    const store = await openOn(files);
    const partition = await store.open("p");
    await partition.write([put("a", "first secret")], "durable");
    await partition.write([put("a", "second secret")], "durable");
    await store.close();
    const again = await (await openOn(files)).open("p");
    await again.compact();
    expect(bytesOf(files, "").includes("first secret")).toBe(false);
  });

  it("writes pending rows too", async () => {
    const files = new CrashingFiles();
    const store = await openOn(files, { flushDelayMs: 60_000 });
    const partition = await store.open("p");
    await partition.write([put("a", "1")], "durable");
    await partition.write([put("a", "2"), put("tree", "3", true)], "soon");
    await partition.compact();
    const after = await (await openOn(files.afterCrash(() => 0.99))).open("p");
    expect(rowsOf(after)).toEqual({ a: "2", tree: "3" });
  });

  it("writes nothing if no secret was replaced, and never rewrites public rows", async () => {
    const files = new CrashingFiles();
    const store = await openOn(files);
    const partition = await store.open("p");
    await partition.write([put("a", "1"), put("tree", "x".repeat(100_000), true)], "durable");
    const before = files.operations;
    await partition.compact();
    expect(files.operations).toBe(before);
    const rows = bytesOf(files, ".rows");
    await partition.write([put("a", "2")], "durable");
    await partition.compact();
    expect(bytesOf(files, ".rows").equals(rows)).toBe(true);
    expect(bytesOf(files, ".log").length).toBeLessThan(500);
  });

  it("runs automatically, so that files stay in proportion to their rows", async () => {
    const files = new CrashingFiles();
    const store = await openOn(files);
    const partition = await store.open("p");
    let longest = 0;
    for (let round = 0; round < 400; round += 1) {
      await partition.write([put("a", String(round).padEnd(2000, ".")), put("tree", String(round).padEnd(9000, "."), true)], "durable");
      longest = Math.max(longest, bytesOf(files, "").length);
    }
    // 64 KiB and 256 KiB of waste are always allowed.
    expect(longest).toBeLessThan((64 + 256 + 40) * 1024);
    await store.close();
    const again = await (await openOn(files)).open("p");
    expect(rowsOf(again)).toEqual({ a: "399".padEnd(2000, "."), tree: "399".padEnd(9000, ".") });
  });

  it("writes at most 128 bytes for a change of 66 bytes, for any number of rows", async () => {
    for (const encryptionKey of [undefined, new Uint8Array(32)]) {
      const files = new CrashingFiles();
      const store = await openOn(files, encryptionKey && { encryptionKey });
      const partition = await store.open("p");
      const rows = Array.from({ length: 1000 }, (_, index) => put(`tree/${index}`, "x".repeat(400), true));
      await partition.write([...rows, put("ratchet/12345/1", "x".repeat(66))], "durable");
      const before = bytesOf(files, "").length;
      for (let round = 0; round < 10; round += 1) await partition.write([put("ratchet/12345/1", "y".repeat(66))], "durable");
      expect((bytesOf(files, "").length - before) / 10).toBeLessThanOrEqual(128);
    }
  });
});

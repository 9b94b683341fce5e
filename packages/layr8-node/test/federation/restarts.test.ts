import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ALICE, BOB, ECHO, OK, Pair, toBob } from "./pair.ts";
import { keyOf, post, RemoteSender } from "./remote-sender.ts";

let folder: string;
let pair: Pair;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "layr8-pair-"));
  pair = await Pair.prepare({ a: { dataDir: join(folder, "a") }, b: { dataDir: join(folder, "b") } });
});
afterEach(async () => {
  await pair.close();
  await rm(folder, { recursive: true, force: true });
});

describe("messages between nodes", () => {
  it("wait on disk while the other node is unreachable, over restarts of this one", async () => {
    await pair.open("b");
    (await pair.bob()).close();
    await pair.stop("b");
    await pair.open("a");
    const alice = await pair.alice();
    const ids = ["1", "2", "3", "4"];
    for (const id of ids) expect(await alice.send(toBob(id))).toEqual(OK);
    expect(await pair.metric("a", "outbound_messages")).toBe(4);
    await pair.stop("a");
    await pair.open("a");
    await pair.alice();
    await pair.open("b");
    const bob = await pair.bob();
    for (const id of ids) expect((await bob.receive()).plaintext["id"]).toBe(id);
    await bob.send({ id: "answer", type: `${ECHO}/response`, from: BOB, to: [ALICE], thid: "1", body: {} });
    await expect.poll(() => pair.metric("a", "outbound_messages")).toBe(0);
  });

  it("are recognized after a restart of the node that stored them", async () => {
    const remoteSender = await RemoteSender.listen();
    pair.hosts["m.localhost"] = remoteSender.origin;
    try {
      await pair.open("b");
      let bob = await pair.bob();
      const to = await keyOf(pair.b);
      const posted = (id: string) => post(pair.b, remoteSender.pack(remoteSender.message(id), to));
      expect((await posted("1")).status).toBe(202);
      await bob.receive();
      bob.ack("1");
      await expect.poll(() => pair.metric("b", "inbox_messages")).toBe(0);
      await pair.stop("b");
      await pair.open("b");
      bob = await pair.bob();
      expect((await posted("1")).status).toBe(202);
      expect((await posted("2")).status).toBe(202);
      expect((await bob.receive()).plaintext["id"]).toBe("2");
    } finally {
      await remoteSender.close();
    }
  });
});

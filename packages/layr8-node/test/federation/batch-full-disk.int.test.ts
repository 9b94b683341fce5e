import { join } from "node:path";
import { canMountSmallDisk, smallDisk } from "@parley/test-assertions";
import { describe, expect, it, onTestFinished } from "vitest";
import { BATCH_MEDIA_TYPE, encodeBatch } from "../../src/federation/envelope-batch.ts";
import { startNode } from "../../src/node.ts";
import { RawAgent } from "../raw-agent.ts";
import { BOB, ECHO } from "./pair.ts";
import { keyOf, post, RemoteSender, type Posted } from "./remote-sender.ts";

/** Characters of a message that needs many pages. */
const LARGE = 130_000;

const canMount = await canMountSmallDisk("a batch for a node on a full disk");

describe.skipIf(!canMount)("a batch for a node on a full disk", () => {
  it("keeps its order: where one message could not be stored, none behind it is", async () => {
    const disk = await smallDisk(4 * 1024 * 1024);
    onTestFinished(() => disk.remove());
    const remoteSender = await RemoteSender.listen();
    onTestFinished(() => remoteSender.close());
    const node = await startNode({
      port: 0,
      dataDir: join(disk.path, "node"),
      domain: "b.localhost",
      logger: false,
      resolution: { hosts: { "m.localhost": remoteSender.origin } },
    });
    onTestFinished(() => node.close());
    // While he is away, only stored messages reach him.
    (await RawAgent.join(node, { did: BOB, protocols: [ECHO] })).close();
    const to = await keyOf(node);
    const pack = (id: string, length: number): string =>
      remoteSender.pack(remoteSender.message(id, { body: { text: "x".repeat(length) } }), to);
    const ids = ["d0", "d1", "d2", "d3"];
    const envelopes = ids.map((id, index) => pack(id, index === 0 ? LARGE : 1));
    const batch = (): Promise<Posted> => post(node, encodeBatch(envelopes), BATCH_MEDIA_TYPE);

    await disk.fill();
    // Uses up what is left in the database's file, except for small messages.
    let before = 0;
    while ((await post(node, pack(`before${before}`, LARGE))).status === 202) before += 1;
    const rejected = await batch();
    expect(rejected).toMatchObject({ status: 503, code: "storage_failed" });
    expect(JSON.parse(rejected.text)).not.toHaveProperty("accepted");
    await disk.drain();
    expect(await batch()).toMatchObject({ status: 202 });

    const bob = await RawAgent.join(node, { did: BOB, protocols: [ECHO] });
    onTestFinished(() => bob.close());
    const received: unknown[] = [];
    while (received.length < before + ids.length) {
      const { plaintext } = await bob.receive();
      received.push(plaintext["id"]);
      bob.ack(String(plaintext["id"]));
    }
    expect(received.slice(-ids.length)).toEqual(ids);
  });
});

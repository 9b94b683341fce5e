import { describeUnless } from "@parley/test-assertions";
import { missingNats } from "@parley/test-nats";
import { beforeEach, expect, it, onTestFinished } from "vitest";
import type { Box } from "../../src/inbox/inbox.ts";
import { JetstreamInbox } from "../../src/jetstream.ts";
import { boxOf } from "../inbox/box-of.ts";
import { useNats } from "./nats-servers.ts";

const MAX = 32;
const FULL = { status: "full", of: "owner" };
const ALL = { after: 0, limit: 1000, maxLength: 1_000_000 };
const ALICE = "did:web:node.example:agents:alice";
const BOB = "did:web:node.example:agents:bob";

describeUnless(missingNats(1), "the limits of an API key on waiting messages, over all nodes", () => {
  const nats = useNats(1);
  let prefix: string;
  let counter = 0;

  beforeEach(() => {
    prefix = nats.newPrefix();
  });

  async function open(instance: string): Promise<JetstreamInbox> {
    const connection = await nats.connect(prefix);
    const inbox = await JetstreamInbox.open(connection, {
      shards: 2,
      instance,
      limits: { maxMessagesPerOwner: MAX, maxLengthPerOwner: 10 * MAX },
      ownerOf: (did) => (did.startsWith("did:web:node.example:") ? "key" : "other-key"),
      servers: () => 2,
      running: () => Promise.resolve(new Set(["one", "other"])),
    });
    onTestFinished(async () => {
      await inbox.close();
      await connection.close();
    });
    return inbox;
  }

  const append = (inbox: JetstreamInbox, recipient: string, plaintext = "{}") =>
    inbox.append({
      recipient,
      plaintext,
      id: `m${++counter}`,
      from: "did:web:sender.example",
      type: "https://example.com/chat/1.0/text",
      authorized: true,
      expiresAt: Date.now() + 1_000_000,
    });

  const settleAll = async (box: Box): Promise<void> => box.settle((await box.read(ALL)).map(({ seq }) => seq));

  it("count what is in inboxes that no node has open, and at other nodes", async () => {
    const [one, other] = [await open("one"), await open("other")];
    const box = await boxOf(one, ALICE);
    for (let count = 0; count < MAX / 2; count++) {
      expect(await append(other, ALICE)).toMatchObject({ status: "stored" });
      expect(await append(one, BOB)).toMatchObject({ status: "stored" });
    }
    // Those that are stored until then are settled below.
    for (const inbox of [one, other]) await expect.poll(() => append(inbox, ALICE)).toEqual(FULL);
    expect(await append(other, BOB)).toEqual(FULL);
    expect(await append(other, "did:web:elsewhere.example")).toMatchObject({ status: "stored" });
    await settleAll(box);
    for (const inbox of [one, other]) await expect.poll(() => append(inbox, ALICE)).toMatchObject({ status: "stored" });
  });

  it("count characters, and forget those of a node that has ended", async () => {
    const [one, other] = [await open("one"), await open("other")];
    const box = await boxOf(one, ALICE);
    expect(await append(other, ALICE, "x".repeat(10 * MAX))).toMatchObject({ status: "stored" });
    await expect.poll(() => append(other, BOB)).toEqual(FULL);
    await settleAll(box);
    await one.close();
    await expect.poll(() => append(other, BOB)).toMatchObject({ status: "stored" });
  });
});

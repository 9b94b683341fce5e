import { describeUnless } from "@parley/test-assertions";
import { Members } from "@parley/jetstream";
import { missingNats } from "@parley/test-nats";
import { expect, it, onTestFinished } from "vitest";
import { MailboxCluster } from "../../src/cluster/mailbox-cluster.ts";
import { MemoryInbox } from "../../src/inbox/memory-inbox.ts";
import type { Consumer } from "../../src/routing/deliver/consumer.ts";
import { Mailboxes } from "../../src/routing/deliver/mailboxes.ts";
import { useNats } from "./nats-servers.ts";

const DID = "did:web:node.example:agents:caro";
const [ECHO, CHAT, NEWS] = ["https://layr8.io/protocols/echo/1.0", "https://example.com/chat/1.0", "https://example.com/news/1.0"] as const;

/** A connection that is not used. */
function connection(): Consumer {
  return {
    writable: true,
    lastHeardAt: 0,
    quietSince: 0,
    acknowledgesResponses: true,
    replies: true,
    deliver: () => undefined,
    confirm: () => Promise.resolve(),
    probe: () => undefined,
    takenOver: () => undefined,
  };
}

describeUnless(missingNats(1), "MailboxCluster", () => {
  const nats = useNats(1);

  async function open(prefix: string): Promise<MailboxCluster> {
    const shared = await nats.connect(prefix);
    const members = await Members.open(shared, { self: {} });
    const now = (): number => performance.now();
    const clock = { monotonic: now, expiry: () => Date.now(), lifetimeStart: () => Date.now() };
    const onFailure = (error: unknown): void => expect.unreachable(String(error));
    const mailboxes = new Mailboxes({
      inbox: new MemoryInbox(),
      delivery: { ackTimeoutMs: 60_000, maxAckTimeoutMs: 60_000, maxThreads: 10, window: { maxMessages: 10, maxLength: 10_000 }, clock },
      events: { onDelivered: () => undefined, onFailure },
    });
    const cluster = await MailboxCluster.open({ connection: shared, members, mailboxes, now, onFailure, maintains: () => false });
    mailboxes.shareWith(cluster);
    onTestFinished(async () => {
      await cluster.close();
      await members.close();
      await shared.close();
    });
    return cluster;
  }

  it("does not withdraw a protocol that is being bound again when its former connection ends", async () => {
    const prefix = nats.newPrefix();
    const [one, other] = [await open(prefix), await open(prefix)];
    const [former, kept] = [connection(), connection()];
    const bound = one.bind(DID, former, [ECHO]);
    one.bind(DID, kept, [CHAT]);
    await expect.poll(() => other.protocolsOf(DID)).toEqual([CHAT, ECHO]);
    // Its join was not answered yet.
    await one.preview(DID, [ECHO], undefined);
    bound.unbind(former);
    one.bind(DID, connection(), [NEWS]);
    await expect.poll(() => other.protocolsOf(DID)).toContain(NEWS);
    expect(other.protocolsOf(DID)).toEqual([CHAT, NEWS, ECHO]);
    const last = connection();
    one.bind(DID, last, [ECHO]).unbind(last);
    await expect.poll(() => other.protocolsOf(DID)).toEqual([CHAT, NEWS]);
  });

  it("tells other nodes nothing of a join with too many protocols", async () => {
    const prefix = nats.newPrefix();
    const [one, other] = [await open(prefix), await open(prefix)];
    one.bind(DID, connection(), [CHAT]);
    await expect.poll(() => other.protocolsOf(DID)).toEqual([CHAT]);
    const many = Array.from({ length: 256 }, (_, index) => `https://example.com/p${index}/1.0`);
    expect(await other.preview(DID, many, undefined)).toMatchObject({ count: 257 });
    expect(await other.preview(DID, [...many, CHAT], undefined)).toMatchObject({ count: 257 });
    await other.catchUp();
    expect(other.protocolsOf(DID)).toEqual([CHAT]);
  });
});

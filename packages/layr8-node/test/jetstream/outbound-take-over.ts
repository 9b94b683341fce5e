import type { JetstreamConnection } from "@parley/jetstream";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import type { OutboundMessage } from "../../src/federation/outbound/outbound-message.ts";
import { JetstreamOutboundStore } from "../../src/jetstream.ts";
import type { SharedNats } from "./nats-servers.ts";

const DEDUPLICATION = { deduplicationMs: 60_000, maxRemembered: 1000 };
const MANY = 600;

/** How messages of a node that has ended become those of another one. */
export function outboundTakeOver(nats: SharedNats): void {
  describe("JetstreamOutboundStore of several nodes", () => {
    let connection: JetstreamConnection;
    const running = new AbortController().signal;

    beforeEach(async () => {
      connection = await nats.connect(nats.newPrefix());
      return () => connection.close();
    });

    async function open(node: string): Promise<JetstreamOutboundStore> {
      const store = await JetstreamOutboundStore.open(connection, { ...DEDUPLICATION, node });
      onTestFinished(() => store.close());
      return store;
    }

    const message = (id: string): OutboundMessage => ({
      sender: "did:web:alice.example",
      recipient: "did:web:bob.example:agents:bob",
      id,
      type: "https://example.org/test/1.0/ping",
      plaintext: JSON.stringify({ id, body: {} }),
      expiresAt: Date.now() + 1_000_000,
    });

    async function append(store: JetstreamOutboundStore, ...ids: string[]): Promise<void> {
      const all = await Promise.all(ids.map((id) => store.append(message(id))));
      for (const one of all) if (one.status === "stored") await one.durable;
    }

    /** Ids of the messages that a store has when it is opened again. */
    async function idsOf(node: string): Promise<string[]> {
      const store = await open(node);
      return Array.from(store.entries(), (entry) => store.read(entry).id);
    }

    it("takes over the messages of a node that has ended, in order", async () => {
      const [ended, heir] = [await open("ended"), await open("heir")];
      const ids = Array.from({ length: MANY }, (_, index) => `m${index}`);
      await append(heir, "own");
      await append(ended, ...ids);
      await ended.close();
      const taken: string[] = [];
      heir.onTakenOver((entry) => void taken.push(heir.read(entry).id));
      expect(await heir.takeOver("ended", running)).toBe(true);
      expect(taken).toEqual(ids);
      expect(await idsOf("ended")).toEqual([]);
      await append(heir, "later", "m3");
      await heir.close();
      expect(await idsOf("heir")).toEqual(["own", ...ids, "later"]);
      expect(await heir.takeOver("ended", running)).toBe(true);
    });

    it("takes over nothing that it has, or that was removed at any node", async () => {
      const [ended, heir] = [await open("ended"), await open("heir")];
      await append(ended, "both", "removed", "left");
      const removed = await heir.append(message("removed"));
      if (removed.status === "stored") await heir.remove(removed.entry);
      await append(heir, "both");
      const taken: string[] = [];
      heir.onTakenOver((entry) => void taken.push(heir.read(entry).id));
      expect(await heir.takeOver("ended", running)).toBe(true);
      expect(taken).toEqual(["left"]);
      expect(await idsOf("ended")).toEqual([]);
      expect(await idsOf("heir")).toEqual(["both", "left"]);
    });

    it("leaves the messages of a node that may have started again", async () => {
      const [ended, heir] = [await open("ended"), await open("heir")];
      await append(ended, "1", "2");
      expect(await heir.takeOver("ended", AbortSignal.abort())).toBe(false);
      await heir.close();
      expect(await heir.takeOver("ended", running)).toBe(false);
      expect(await idsOf("ended")).toEqual(["1", "2"]);
    });

    it("takes over a damaged message as it is", async () => {
      const [ended, heir] = [await open("ended"), await open("heir")];
      await append(ended, "1");
      const stream = `${connection.prefix}_OUTBOUND`.toUpperCase();
      const [subject = ""] = Object.keys((await connection.jsm.streams.info(stream, { subjects_filter: ">" })).state.subjects ?? {});
      const stored = await connection.jsm.streams.getMessage(stream, { last_by_subj: subject });
      await connection.jsm.streams.purge(stream);
      await connection.js.publish(subject, "damaged", { ...(stored?.header !== undefined && { headers: stored.header }) });
      expect(await heir.takeOver("ended", running)).toBe(true);
      const [entry] = heir.entries();
      if (entry === undefined) throw new Error("Nothing was taken over");
      expect(entry).toMatchObject({ sender: message("1").sender, recipient: message("1").recipient });
      expect(() => heir.read(entry)).toThrowError(expect.objectContaining({ code: "record_damaged" }));
      await heir.remove(entry);
    });
  });
}

import { randomBytes } from "node:crypto";
import { type AuditEntry, type AuditReport, messageDigest, verifyAudit } from "@parley/audit";
import { RelayClient } from "@parley/skytale-relay";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ApiClient } from "../src/api/api-client.ts";
import { type Channel, ChannelError, type SkytaleClient, type SkytaleClientSettings } from "../src/index.ts";
import { bytes, channelOf, Harness, NAME, take } from "./support/harness.ts";

let harness: Harness;

beforeEach(async () => {
  harness = await Harness.start();
});

afterEach(async () => {
  await harness[Symbol.asyncDispose]();
});

const client = (name: string, settings: SkytaleClientSettings = {}): SkytaleClient => harness.client(name, { audit: true, ...settings });

async function linesOf(channel: Pick<Channel, "exportAudit">): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of channel.exportAudit()) lines.push(line.trimEnd());
  return lines;
}

function entriesOf(lines: readonly string[]): readonly AuditEntry[] {
  return lines.slice(1, -1).map((line) => JSON.parse(line) as AuditEntry);
}

/** The entries as short texts, such as `delivered 5`. */
const briefly = (lines: readonly string[]): string[] =>
  entriesOf(lines).map(({ kind, position = "-", code }) => [kind, position, ...(code === undefined ? [] : [code])].join(" "));

function verify(...exports: readonly (readonly string[])[]): Promise<AuditReport> {
  return verifyAudit(exports.map((lines, index) => ({ name: `side ${index}`, lines })));
}

/** The chain of a channel, once it has an entry about a place in the log. */
async function exportAfter(channel: Channel, position: number): Promise<string[]> {
  let lines: string[] = [];
  const isThere = async (): Promise<boolean> => {
    lines = await linesOf(channel).catch((error: unknown) => {
      if (error instanceof ChannelError && error.code === "audit_off") return [];
      throw error;
    });
    return entriesOf(lines).some((entry) => entry.position === position);
  };
  await expect.poll(isThere, { timeout: 30_000 }).toBe(true);
  return lines;
}

async function say(channel: Channel, ...texts: readonly string[]): Promise<number> {
  let last = 0;
  for (const text of texts) last = (await channel.send(bytes(text))).sequence;
  return last;
}

describe("audit chains of a channel", () => {
  it("of two members match, with the messages of a third one", async () => {
    const [alice, bob, carol] = (await channelOf(client("alice"), client("bob"), harness.client("carol"))) as [Channel, Channel, Channel];
    await say(alice, "secret one", "secret two");
    expect(await take(bob, 2)).toEqual(["secret one", "secret two"]);
    await say(bob, "secret three");
    await say(carol, "secret four");
    const last = await say(alice, "secret five");
    const [ofAlice, ofBob] = [await exportAfter(alice, last), await exportAfter(bob, last)];
    expect(await verify(ofAlice, ofBob)).toMatchObject({ ok: true, findings: [], matched: 5, undecided: 0 });
    expect(briefly(ofAlice)).toEqual(["accepted 2", "accepted 3", "delivered 4", "delivered 5", "accepted 6"]);
    expect(briefly(ofBob).toSorted()).toEqual(
      ["delivered 2", "delivered 3", "handled 2", "handled 3", "accepted 4", "delivered 5", "delivered 6"].toSorted(),
    );
    const [header] = ofAlice.map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
    expect(header).toMatchObject({ audit: "parley-audit/1", agent: expect.stringMatching(/^did:key:z6Mk/), channel: NAME, name: "alice" });
    expect(entriesOf(ofAlice)[0]).toMatchObject({ from: header?.["agent"], to: NAME, digest: messageDigest("secret one") });
    expect(ofAlice.join("\n") + ofBob.join("\n")).not.toContain("secret");
  });

  it("name the side that was changed", async () => {
    const [alice, bob] = (await channelOf(client("alice"), client("bob"))) as [Channel, Channel];
    const last = await say(alice, "one", "two", "three");
    const [ofAlice, ofBob] = [await exportAfter(alice, last), await exportAfter(bob, last)];
    const altered = ofBob.map((line) => line.replace(messageDigest("two"), messageDigest("other")));
    expect((await verify(ofAlice, altered)).findings).toMatchObject([{ kind: "altered", side: "side 1", seq: 2 }]);
    expect((await verify(ofAlice, ofBob.toSpliced(2, 1))).findings).toMatchObject([{ kind: "dropped", side: "side 1", seq: 2 }]);
    expect((await verify(ofAlice.toSpliced(3, 1), ofBob)).findings).toMatchObject([{ kind: "truncated", side: "side 0", seq: 3 }]);
  });

  it("continue after a restart", async () => {
    const first = client("alice");
    const [alice, bob] = (await channelOf(first, client("bob"))) as [Channel, Channel];
    await say(alice, "one");
    await first.close();
    await say(bob, "two");
    const reopened = await client("alice").openChannel(NAME);
    const last = await say(reopened, "three");
    const [ofAlice, ofBob] = [await exportAfter(reopened, last), await exportAfter(bob, last)];
    expect(briefly(ofAlice)).toEqual(["accepted 2", "delivered 3", `accepted ${last}`]);
    expect(await verify(ofAlice, ofBob)).toMatchObject({ ok: true, matched: 3 });
  });

  it("record what can't be decrypted, up to a rate, and what was not received", async () => {
    const [alice, bob] = (await channelOf(client("alice"), client("bob"))) as [Channel, Channel];
    const api = new ApiClient({ apiKey: harness.apiKey, apiUrl: harness.server.apiUrl });
    await using stranger = new RelayClient({ url: harness.server.relayUrl, token: ({ signal }) => api.relayToken({ signal }) });
    const garbage = { kind: "application", epoch: alice.epoch, payload: Uint8Array.from(randomBytes(50)) } as const;
    await say(alice, "one");
    for (let n = 0; n < 150; n++) await stranger.publish(NAME, { ...garbage, payload: Uint8Array.from(randomBytes(50)) });
    const last = await say(alice, "two");
    const [ofAlice, ofBob] = [await exportAfter(alice, last), await exportAfter(bob, last)];
    const unread = entriesOf(ofBob).filter(({ kind }) => kind === "refused");
    expect(unread[0]).toMatchObject({ from: NAME, to: NAME, position: 3, code: "mls_error", id: expect.any(String) as string });
    const omitted = unread.map(({ code, omitted: count = 0 }) => (code === "too_many" ? count : 1));
    expect(unread.filter(({ code }) => code === "too_many").length).toBeGreaterThan(0);
    expect(omitted.reduce((sum, count) => sum + count)).toBe(150);
    expect(await verify(ofAlice, ofBob)).toMatchObject({ ok: true, matched: 2 });
    await api.close();
  });

  it("have messages of a channel that is opened without receiving", async () => {
    const first = client("bob");
    const [alice, bob] = (await channelOf(client("alice"), first)) as [Channel, Channel];
    await bob.close();
    const reopened = await first.openChannel(NAME, { receive: false });
    const last = await say(alice, "one");
    const [ofAlice, ofBob] = [await exportAfter(alice, last), await exportAfter(reopened, last)];
    expect(briefly(ofBob)).toEqual(["refused 2 receive_off"]);
    expect(await verify(ofAlice, ofBob)).toMatchObject({ ok: true, matched: 1 });
  });

  it("have a gap for the time between two memberships", async () => {
    const clients = [client("alice"), client("bob")] as const;
    const [alice, bob] = (await channelOf(...clients)) as [Channel, Channel];
    const before = await say(alice, "one");
    await exportAfter(bob, before);
    await alice.removeMember("bob");
    await expect.poll(() => bob.isActive).toBe(false);
    await say(alice, "two");
    const again = await clients[1].joinChannel(NAME, await alice.addMember(await clients[1].generateKeyPackage()), { updateKeys: false });
    const last = await say(alice, "three");
    const [ofAlice, ofBob] = [await exportAfter(alice, last), await exportAfter(again, last)];
    expect(briefly(ofBob)).toEqual([`delivered ${before}`, "refused - not_member", `delivered ${last}`]);
    expect(await verify(ofAlice, ofBob)).toMatchObject({ ok: true, matched: 2, undecided: 1 });
  });

  it("keep the latest entries, and sign which ones were removed", async () => {
    const limits = { maxAuditEntries: 10 };
    const [alice, bob] = (await channelOf(client("alice", { limits }), client("bob"))) as [Channel, Channel];
    const last = await say(alice, ...Array.from({ length: 25 }, (_, index) => `${index}`));
    const [ofAlice, ofBob] = [await exportAfter(alice, last), await exportAfter(bob, last)];
    const report = await verify(ofAlice, ofBob);
    expect(report).toMatchObject({ ok: true, findings: [] });
    const [side] = report.sides;
    expect(side?.removed).toBe(25 - (side?.entries ?? 0));
    expect(side?.entries).toBeLessThanOrEqual(10);
    expect(report.matched).toBe(side?.entries);
  });
});

describe("without audit", () => {
  it("there is no chain to export", async () => {
    const [alice] = (await channelOf(harness.client("alice"), client("bob"))) as [Channel];
    await say(alice, "one");
    await expect(linesOf(alice)).rejects.toMatchObject({ code: "audit_off" });
  });

  it("a chain that was kept before gets a gap, which the other side does not find missing", async () => {
    const first = client("alice");
    const [alice, bob] = (await channelOf(first, client("bob"))) as [Channel, Channel];
    await say(alice, "one");
    await exportAfter(alice, 2);
    await first.close();
    const off = harness.client("alice");
    await say(await off.openChannel(NAME), "two");
    await off.close();
    const reopened = await client("alice").openChannel(NAME);
    const last = await say(reopened, "three");
    const [ofAlice, ofBob] = [await exportAfter(reopened, last), await exportAfter(bob, last)];
    expect(briefly(ofAlice)).toEqual(["accepted 2", "refused - audit_off", `accepted ${last}`]);
    expect(await verify(ofAlice, ofBob)).toMatchObject({ ok: true, matched: 2, undecided: 1 });
  });
});

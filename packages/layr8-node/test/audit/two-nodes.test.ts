import { type HiddenEntry, hideEntry } from "@parley/audit";
import { afterEach, beforeEach, expect, it } from "vitest";
import { ALICE, BOB, ECHO, KEY, OK, Pair, REPORT, toBob } from "../federation/pair.ts";
import { compare, entriesOf, exportOf, kindsOf } from "./audited.ts";

const CAROL = "did:web:a.localhost:carol";
const NOTE = `${ECHO}/note`;

let pair: Pair;

beforeEach(async () => {
  pair = await Pair.start({ a: { audit: true }, b: { audit: true } });
});
afterEach(() => pair.close());

/** Sends messages from Alice to Bob, who acknowledges them. Resolves when both chains have all that follows. */
async function exchange(ids: readonly string[]): Promise<void> {
  const [alice, bob] = [await pair.alice(), await pair.bob({ replyProtocol: true })];
  for (const id of ids) {
    expect(await alice.send(toBob(id))).toEqual(OK);
    expect((await bob.receive()).plaintext["id"]).toBe(id);
    bob.reply(id, "handled");
  }
  const last = ids.at(-1) ?? "";
  await expect.poll(async () => kindsOf(await entriesOf(pair.a, ALICE), last)).toEqual(["accepted", "delivered"]);
  await expect.poll(async () => kindsOf(await entriesOf(pair.b, BOB), last)).toEqual(["accepted", "delivered", "handled"]);
  // Both have witnessed the last head of the other one.
  await expect.poll(async () => (await entriesOf(pair.a, ALICE)).at(-1)?.kind).toBe("witnessed");
  await expect.poll(async () => (await entriesOf(pair.b, BOB)).filter(({ kind }) => kind === "witnessed").length).toBe(ids.length);
}

it("both sides of an exchange have the same messages, and the heads of the other side", { timeout: 60_000 }, async () => {
  await exchange(["1", "2", "3"]);
  const [alice, bob] = [await exportOf(pair.a, ALICE), await exportOf(pair.b, BOB)];
  const report = await compare(alice, bob);
  expect(report).toMatchObject({ ok: true, findings: [], matched: 3, undecided: 0 });
  expect(report.sides.map(({ agent, first }) => [agent, first])).toEqual([
    [ALICE, 1],
    [BOB, 1],
  ]);
  const [first] = await entriesOf(pair.a, ALICE);
  expect(first).toMatchObject({ seq: 1, kind: "accepted", from: ALICE, to: BOB, id: "1", type: `${ECHO}/request` });
  expect(alice.join()).not.toContain('"body"');
});

it("what is hidden in an export can't be guessed by its digest", { timeout: 60_000 }, async () => {
  await exchange(["1"]);
  const entries = await entriesOf(pair.a, ALICE);
  const hidden = (await exportOf(pair.a, ALICE, CAROL)).slice(1, -1).map((line) => (JSON.parse(line) as HiddenEntry).content);
  expect(hidden).toEqual(entries.map((entry) => hideEntry(entry).content));
  for (const { salt, ...known } of entries) {
    expect(salt).toMatch(/^[\w-]{22}$/);
    // A guess that is right in all else.
    expect(hidden).not.toContain(hideEntry(known).content);
  }
  expect(new Set(entries.map(({ salt }) => salt)).size).toBe(entries.length);
});

it("names the side and the message when a node has left one out", { timeout: 60_000 }, async () => {
  await exchange(["1", "2", "3"]);
  const [alice, bob] = [await exportOf(pair.a, ALICE), await exportOf(pair.b, BOB)];
  const isAbout = (id: string) => (line: string) => line.includes(`"id":"${id}"`);
  const place = bob.findIndex(isAbout("2"));
  const seq = (JSON.parse(bob[place] ?? "") as { seq: number }).seq;
  const report = await compare(
    alice,
    bob.filter((line) => !isAbout("2")(line)),
  );
  expect(report.ok).toBe(false);
  expect(report.findings.every(({ side }) => side === "b")).toBe(true);
  expect(report.findings).toContainEqual(expect.objectContaining({ kind: "dropped", seq }));
  expect(report.findings).toContainEqual(expect.objectContaining({ kind: "missing", id: "2" }));
  const other = await compare(
    alice.filter((line) => !isAbout("3")(line)),
    bob,
  );
  expect(other.findings.every(({ side }) => side === "a")).toBe(true);
  expect(other.findings).toContainEqual(expect.objectContaining({ kind: "missing", id: "3" }));
});

it("records what was refused, by whom and why", { timeout: 60_000 }, async () => {
  await pair.close();
  pair = await Pair.start({ a: { audit: true }, b: { audit: true, policies: [{ did: BOB, deny: [ALICE] }] } });
  const [alice, carol, bob] = [await pair.alice(), await pair.agent("a", CAROL), await pair.bob({ replyProtocol: true })];
  expect(await alice.send(toBob("denied"))).toEqual(OK);
  expect((await alice.receive()).plaintext["type"]).toBe(REPORT);
  expect(await carol.send({ id: "failed", type: NOTE, from: CAROL, to: [BOB], body: {} })).toEqual(OK);
  await bob.receive();
  bob.reply("failed", "error", { code: "e.p.my-reason" });
  const denied = ["accepted", "refused e.m.authz.denied"];
  await expect.poll(async () => kindsOf(await entriesOf(pair.a, ALICE), "denied")).toEqual(denied);
  await expect.poll(async () => kindsOf(await entriesOf(pair.b, BOB), "denied")).toEqual(denied.slice(1));
  await expect
    .poll(async () => kindsOf(await entriesOf(pair.b, BOB), "failed"))
    .toEqual(["accepted", "delivered", "refused e.p.my-reason"]);
  expect((await compare(await exportOf(pair.a, ALICE), await exportOf(pair.b, BOB))).findings).toEqual([]);
  const [carols, bobs] = [await exportOf(pair.a, CAROL, BOB), await exportOf(pair.b, BOB, CAROL)];
  expect(bobs.join()).not.toContain(ALICE);
  const { findings, matched } = await compare(carols, bobs);
  // The message of Carol, and the report that Bob's node has sent in his name.
  expect({ findings, matched }).toEqual({ findings: [], matched: 2 });
});

it("what a node answers itself is in both chains", { timeout: 60_000 }, async () => {
  const alice = await pair.alice();
  (await pair.bob()).close();
  const ping = { id: "ping", type: "https://didcomm.org/trust-ping/2.0/ping", from: ALICE, to: [BOB], body: { response_requested: true } };
  expect(await alice.send(ping)).toEqual(OK);
  expect((await alice.receive()).plaintext).toMatchObject({ thid: "ping" });
  await expect.poll(async () => kindsOf(await entriesOf(pair.b, BOB), "ping")).toEqual(["accepted", "handled"]);
  await expect.poll(async () => kindsOf(await entriesOf(pair.a, ALICE), "ping")).toEqual(["accepted", "delivered"]);
  await expect.poll(async () => (await compare(await exportOf(pair.a, ALICE), await exportOf(pair.b, BOB))).matched).toBe(2);
});

it("a message through a mediator is not taken for one that the recipient's node has", { timeout: 60_000 }, async () => {
  await pair.close();
  const mediator = "did:web:b.localhost:mediator";
  pair = await Pair.start({ a: { audit: true }, b: { audit: true, mediator } });
  const [alice, bob] = [await pair.alice(), await pair.bob()];
  const declared = await fetch(`${pair.b.httpUrl}/api/v1/dids/${BOB}/mediator`, {
    method: "PUT",
    headers: { "x-api-key": KEY, "content-type": "application/json" },
    body: JSON.stringify({ routing_did: mediator }),
  });
  expect(declared.status).toBe(204);
  await alice.send(toBob("1"));
  expect((await bob.receive()).plaintext["id"]).toBe("1");
  await expect.poll(() => pair.metric("a", "federation_sent_total")).toBe(1);
  expect(kindsOf(await entriesOf(pair.b, BOB), "1").slice(0, 1)).toEqual(["accepted"]);
  // Later entries are on disk, so that an entry of the delivery would be, too.
  await alice.send(toBob("2", { expires_time: 1 }));
  await expect.poll(async () => kindsOf(await entriesOf(pair.a, ALICE), "2")).toHaveLength(1);
  expect(kindsOf(await entriesOf(pair.a, ALICE), "1")).toEqual(["accepted"]);
});

it("a node with chains exchanges messages with one without", { timeout: 60_000 }, async () => {
  await pair.close();
  pair = await Pair.start({ a: { audit: true } });
  const [alice, bob] = [await pair.alice(), await pair.bob()];
  await alice.send(toBob("1"));
  expect((await bob.receive()).plaintext["id"]).toBe("1");
  await bob.send({ id: "2", type: NOTE, from: BOB, to: [ALICE], body: {} });
  expect((await alice.receive()).plaintext["id"]).toBe("2");
  await expect.poll(async () => kindsOf(await entriesOf(pair.a, ALICE), "1")).toEqual(["accepted", "delivered"]);
  expect((await entriesOf(pair.a, ALICE)).map(({ kind }) => kind)).not.toContain("witnessed");
});

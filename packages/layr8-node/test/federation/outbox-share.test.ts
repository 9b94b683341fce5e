import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ALICE, ECHO, Pair, toBob } from "./pair.ts";
import { documentOf, keyOf, post, RemoteSender } from "./remote-sender.ts";

const ROOM = 20;
const PING = "https://didcomm.org/trust-ping/2.0/ping";

let pair: Pair;
let remoteSender: RemoteSender;

beforeEach(async () => {
  remoteSender = await RemoteSender.listen();
  pair = await Pair.prepare({
    a: {
      limits: { maxOutboundMessages: ROOM },
      policies: [{ did: ALICE, protocols: [ECHO], credentials: [{ type: "Badge", issuers: ["*"] }] }],
    },
  });
  pair.hosts["m.localhost"] = remoteSender.origin;
  await pair.open("a");
  await pair.open("b");
  // Its endpoint accepts nothing.
  remoteSender.serve = (_request, response) =>
    remoteSender.response(response, documentOf(remoteSender.did, remoteSender.key.publicKey, "http://m.localhost:1/didcomm"));
});
afterEach(async () => {
  await pair.close();
  await remoteSender.close();
});

describe("an unknown sender that triggers responses and doesn't accept them", () => {
  it.each([
    ["pings", PING],
    ["messages that a policy denies", `${ECHO}/request`],
  ])("leaves agents half of their outbox: with %s", async (_, type) => {
    const [alice, bob] = [await pair.alice(), await pair.bob()];
    const to = await keyOf(pair.a, ALICE);
    for (let index = 0; index < 2 * ROOM; index++) {
      const message = { id: `${index}`, type, from: remoteSender.did, to: [ALICE], body: {} };
      expect((await post(pair.a, remoteSender.pack(message, to))).status).toBe(202);
    }
    expect(await pair.metric("a", "outbound_messages")).toBe(ROOM / 2);
    expect(await alice.send(toBob("1"))).toMatchObject({ status: "ok" });
    expect((await bob.receive()).plaintext["id"]).toBe("1");
  });

  it("gets no further responses while agents' own messages fill the outbox", async () => {
    const alice = await pair.alice();
    await pair.stop("b");
    for (let index = 0; index < ROOM; index++) expect(await alice.send(toBob(`${index}`))).toMatchObject({ status: "ok" });
    const { response } = await alice.send(toBob("one too many"));
    expect(response).toMatchObject({ code: "e.p.me.res.storage" });
    const to = await keyOf(pair.a, ALICE);
    const ping = { id: "p", type: PING, from: remoteSender.did, to: [ALICE], body: {} };
    expect((await post(pair.a, remoteSender.pack(ping, to))).status).toBe(202);
    expect(await pair.metric("a", "outbound_messages")).toBe(ROOM);
  });
});

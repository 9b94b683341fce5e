import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ALICE, ECHO, Pair, toBob } from "./pair.ts";
import { documentOf, keyOf, post, Stranger } from "./stranger.ts";

const ROOM = 20;
const PING = "https://didcomm.org/trust-ping/2.0/ping";

let pair: Pair;
let stranger: Stranger;

beforeEach(async () => {
  stranger = await Stranger.listen();
  pair = await Pair.prepare({
    a: {
      limits: { maxOutboundMessages: ROOM },
      policies: [{ did: ALICE, protocols: [ECHO], credentials: [{ type: "Badge", issuers: ["*"] }] }],
    },
  });
  pair.hosts["m.localhost"] = stranger.origin;
  await pair.open("a");
  await pair.open("b");
  // Its endpoint takes nothing, ever.
  stranger.serve = (_request, response) =>
    stranger.response(response, documentOf(stranger.did, stranger.key.publicKey, "http://m.localhost:1/didcomm"));
});
afterEach(async () => {
  await pair.close();
  await stranger.close();
});

describe("an unknown sender that triggers responses and doesn't accept them", () => {
  it.each([
    ["pings", PING],
    ["messages that a policy denies", `${ECHO}/request`],
  ])("leaves agents half of their outbox: with %s", async (_, type) => {
    const [alice, bob] = [await pair.alice(), await pair.bob()];
    const to = await keyOf(pair.a, ALICE);
    for (let index = 0; index < 2 * ROOM; index++) {
      const message = { id: `${index}`, type, from: stranger.did, to: [ALICE], body: {} };
      expect((await post(pair.a, stranger.pack(message, to))).status).toBe(202);
    }
    expect(await pair.metric("a", "outbound_messages")).toBe(ROOM / 2);
    expect(await alice.send(toBob("1"))).toMatchObject({ status: "ok" });
    expect((await bob.receive()).plaintext["id"]).toBe("1");
  });

  it("gets no more responses while agents' own messages fill the outbox", async () => {
    const alice = await pair.alice();
    await pair.stop("b");
    for (let index = 0; index < ROOM; index++) expect(await alice.send(toBob(`${index}`))).toMatchObject({ status: "ok" });
    const { response } = await alice.send(toBob("one too many"));
    expect(response).toMatchObject({ code: "e.p.me.res.storage" });
    const to = await keyOf(pair.a, ALICE);
    const ping = { id: "p", type: PING, from: stranger.did, to: [ALICE], body: {} };
    expect((await post(pair.a, stranger.pack(ping, to))).status).toBe(202);
    expect(await pair.metric("a", "outbound_messages")).toBe(ROOM);
  });
});

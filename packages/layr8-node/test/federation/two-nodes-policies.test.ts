import { afterEach, describe, expect, it } from "vitest";
import type { Policy } from "../../src/routing/authorize/policy-options.ts";
import { ALICE, BOB, ECHO, OK, Pair, REPORT, toBob } from "./pair.ts";

const ISSUER = "did:web:a.localhost:acme";
let pair: Pair;

async function start(...policies: readonly Policy[]): Promise<void> {
  pair = await Pair.start({ b: { policies } });
}
afterEach(() => pair.close());

async function credential(): Promise<string> {
  const signed = await pair.rest("a", "credentials/sign", {
    issuer_did: ISSUER,
    credential: {
      "@context": ["https://www.w3.org/ns/credentials/v2"],
      id: "urn:uuid:6a1676b8-b51f-11ed-937b-d76685a20ff5",
      type: ["VerifiableCredential", "EmployeeCredential"],
      issuer: ISSUER,
      credentialSubject: { id: ALICE, role: "buyer" },
    },
  });
  return String(signed["signed_credential"]);
}

async function attachment(nonce: string, audience: string = BOB): Promise<object> {
  const body = { credentials: [await credential()], holder_did: ALICE, nonce, audience };
  const { signed_presentation: signed } = await pair.rest("a", "presentations/sign", body);
  return { media_type: "application/vp+jwt", format: "sender_presentation/1", data: { json: signed } };
}

describe("policies of the recipient's node", () => {
  it("deny a sender of another node, and report that on the message's thread", async () => {
    await start({ did: BOB, deny: ["did:web:a.localhost:*"] });
    const [alice] = [await pair.alice(), await pair.bob()];
    expect(await alice.send(toBob("1"))).toEqual(OK);
    expect((await alice.receive()).plaintext).toMatchObject({ type: REPORT, from: BOB, thid: "1", body: { code: "e.m.authz.denied" } });
  });

  it("accept credentials that were presented across nodes", async () => {
    await start({ did: BOB, protocols: [ECHO], credentials: [{ type: "EmployeeCredential", issuers: [ISSUER] }] });
    const [alice, bob] = [await pair.alice(), await pair.bob()];
    expect(await alice.send(toBob("1", { attachments: [await attachment("1")] }))).toEqual(OK);
    expect((await bob.receive()).context).toMatchObject({
      authorized: true,
      sender_credentials: [{ credential_subject: { id: ALICE, role: "buyer" }, issuer: ISSUER }],
    });
  });

  it("require credentials, and name the missing ones", async () => {
    await start({ did: BOB, protocols: [ECHO], credentials: [{ type: "EmployeeCredential", issuers: [ISSUER] }] });
    const [alice] = [await pair.alice(), await pair.bob()];
    await alice.send(toBob("1"));
    const { plaintext } = await alice.receive();
    expect(plaintext).toMatchObject({
      type: REPORT,
      from: BOB,
      thid: "1",
      body: { code: "e.m.authz.denied", missing: [{ type: "EmployeeCredential", issuers: [ISSUER] }] },
    });
  });

  it("reject a presentation for another audience, or for another message", async () => {
    await start();
    const [alice] = [await pair.alice(), await pair.bob()];
    for (const [id, wrong] of [
      ["1", await attachment("1", "did:web:b.localhost:carol")],
      ["2", await attachment("1")],
    ] as const) {
      await alice.send(toBob(id, { attachments: [wrong] }));
      expect((await alice.receive()).plaintext).toMatchObject({ type: REPORT, thid: id, body: { code: "e.p.trust.presentation" } });
    }
  });

  it("require grants, which their issuer's node has signed", async () => {
    await start({ did: BOB, protocols: [ECHO], grantIssuers: [ISSUER] });
    const [alice, bob] = [await pair.alice(), await pair.bob()];
    const { signed_credential: signed } = await pair.rest("a", "credentials/sign", {
      issuer_did: ISSUER,
      credential: {
        "@context": ["https://www.w3.org/ns/credentials/v2"],
        type: ["VerifiableCredential", "VerifiableGrant"],
        credentialSubject: { id: ALICE, scope: [{ protocol: ECHO, messageTypes: ["*"], resource: BOB }] },
      },
    });
    await alice.send(toBob("1"));
    expect((await alice.receive()).plaintext).toMatchObject({ type: REPORT, from: BOB, pthid: "1", body: { code: "e.m.authz.denied" } });
    await alice.send(toBob("2", { attachments: [{ media_type: "application/vc+jwt", data: { jws: String(signed) } }] }));
    expect((await bob.receive()).plaintext["id"]).toBe("2");
  });

  it("mark senders if they are not enforced", async () => {
    await start({ did: BOB, allow: ["did:web:b.localhost:*"], enforce: false });
    const [alice, bob] = [await pair.alice(), await pair.bob()];
    await alice.send(toBob("1"));
    expect((await bob.receive()).context["authorized"]).toBe(false);
  });
});

describe("policies of the sender's node", () => {
  it("apply to its own agents, not to those of other nodes", async () => {
    pair = await Pair.start({ a: { policies: [{ did: "did:web:*", deny: ["did:web:a.localhost:*"] }] } });
    const [alice, bob] = [await pair.alice(), await pair.bob()];
    expect(await alice.send(toBob("1"))).toEqual(OK);
    expect((await bob.receive()).plaintext["id"]).toBe("1");
  });
});

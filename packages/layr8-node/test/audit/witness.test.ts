import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { chainStart, isSignedBy, readHead, signHead } from "@parley/audit";
import type { PublicJwk } from "@parley/did";
import { expect, it, onTestFinished } from "vitest";
import { startNode } from "../../src/node.ts";
import { BOB, ECHO, KEY } from "../federation/pair.ts";
import { documentOf, keyOf as agreementKeyOf, RemoteSender } from "../federation/remote-sender.ts";
import { RawAgent } from "../raw-agent.ts";
import { entriesOf, exportOf, keyOf } from "./audited.ts";

interface Signer {
  readonly publicKey: PublicJwk;
  readonly privateKey: KeyObject;
}

function createSigner(): Signer {
  return generateKeyPairSync("ed25519", { publicKeyEncoding: { format: "jwk" } } as never) as unknown as Signer;
}

it("a node records the heads that a sender has signed, and answers with the head of the recipient", { timeout: 60_000 }, async () => {
  const mallory = await RemoteSender.listen();
  onTestFinished(() => mallory.close());
  const node = await startNode({
    port: 0,
    audit: true,
    domain: "b.localhost",
    logger: false,
    apiKeys: [{ key: KEY, dids: "any" }],
    resolution: { hosts: { "m.localhost": mallory.origin } },
  });
  onTestFinished(() => node.close());
  const bob = await RawAgent.join(node, { did: BOB, protocols: [ECHO], apiKey: KEY });
  onTestFinished(() => bob.close());
  const [own, other] = [createSigner(), createSigner()];
  const kid = `${mallory.did}#signing`;
  const document = documentOf(mallory.did, mallory.key.publicKey);
  const methods = document["verificationMethod"] as object[];
  methods.push({ id: kid, type: "JsonWebKey2020", controller: mallory.did, publicKeyJwk: own.publicKey });
  mallory.serve = (_request, response) => mallory.response(response, { ...document, assertionMethod: [kid] });

  const to = await agreementKeyOf(node);
  let count = 0;
  const post = async (head?: string): Promise<string | null> => {
    const response = await fetch(`${node.httpUrl}/didcomm`, {
      method: "POST",
      headers: { "content-type": "application/didcomm-encrypted+json", ...(head !== undefined && { "parley-audit-head": head }) },
      body: mallory.pack(mallory.message(`m${count++}`), to),
    });
    expect(response.status).toBe(202);
    return response.headers.get("parley-audit-head");
  };
  const headOf = (time: string, { agent = mallory.did, key = own.privateKey, keyId = kid } = {}): string =>
    signHead("head", { agent, hash: chainStart(agent).hash, time }, key, keyId);
  const time = (second: number): string => `2026-01-01T00:00:0${second}.000Z`;

  const answer = await post();
  const head = readHead("head", answer);
  expect(head).toMatchObject({ agent: BOB, kid: `${BOB}#signing` });
  expect(head).not.toHaveProperty("seq");
  expect(isSignedBy(answer ?? "", await keyOf(node, BOB))).toBe(true);
  const entries = await entriesOf(node, BOB);
  expect(entries[0]).toMatchObject({ id: "m0", kind: "accepted" });
  expect(entries.map(({ hash }) => hash)).toContain(head?.hash);

  const valid = [headOf(time(1)), headOf(time(2))];
  await post(valid[0]);
  // The same one again, and those that are not signed by the sender's key.
  await post(valid[0]);
  await post(headOf(time(3), { key: other.privateKey }));
  await post(headOf(time(3), { agent: "did:web:m.localhost:other" }));
  await post(headOf(time(3), { keyId: `${mallory.did}#agreement` }));
  await post(headOf(time(3), { keyId: `${BOB}#signing` }));
  await post(
    signHead("cut", { agent: mallory.did, hash: chainStart("").hash, time: time(3), seq: 1, until: time(3) }, own.privateKey, kid),
  );
  // The last byte of a signature is often 0.
  await post(`${headOf(time(3)).slice(0, -8)}AAAAAAAA`);
  await post("x".repeat(5000));
  await post(valid[1]);
  const witnessed = async (): Promise<unknown[]> => (await entriesOf(node, BOB)).filter(({ kind }) => kind === "witnessed");
  await expect.poll(async () => JSON.stringify(await witnessed())).toContain(valid[1] ?? "");
  expect(await witnessed()).toMatchObject(valid.map((jws) => ({ from: mallory.did, to: BOB, head: jws })));
  expect((await exportOf(node, BOB)).length).toBeGreaterThan(count);
});

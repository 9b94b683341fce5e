import { startNode } from "@parley/layr8-node";
import { Client, logErrors, ProblemReportError, RestError, VcError, verifyLocally } from "layr8";
import { expect, failureOf, type Story } from "./story.ts";

const ORDER = "https://layr8.io/protocols/order/1.0";
const SHOP = "did:web:localhost:shop";
const ACME = "did:web:localhost:acme";
const ERIN = "did:web:localhost:erin";

/** Credentials: an issuer, a holder that presents, and a verifier that requires one. */
export async function tellCredentials(story: Story): Promise<void> {
  story.chapter("credentials: what an agent can prove about itself");
  const policy = { did: SHOP, protocols: [ORDER], credentials: [{ type: "EmployeeCredential", issuers: [ACME] }] };
  const node = await startNode({ port: 0, logger: false, policies: [policy] });
  const agent = (agentDid: string) => new Client({ nodeUrl: node.url, apiKey: node.apiKey, agentDid }, logErrors());
  const acme = agent(ACME);
  const erin = agent(ERIN);
  const shop = agent(SHOP);
  shop.handle(`${ORDER}/create`, (message) => {
    const [credential] = message.context?.senderCredentials ?? [];
    return { type: `${ORDER}/created`, body: { for: credential?.credentialSubject["name"] ?? null } };
  });
  const order = { type: `${ORDER}/create`, to: SHOP, body: { item: "tea" } };
  let signed = "";

  try {
    await Promise.all([acme.connect(), erin.connect(), shop.connect()]);

    await story.step("acme signs a credential for its employee erin", async () => {
      signed = await acme.signCredential({ type: ["EmployeeCredential"], credentialSubject: { id: ERIN, name: "Erin" } });
      const { headers } = await erin.verifyCredential(signed);
      return `erin has it verified: a JWT of ${signed.length} characters, signed with ${String(headers["kid"])}`;
    });

    await story.step("erin keeps it in her wallet on the node", async () => {
      const stored = await erin.storeCredential(signed);
      const [listed] = await erin.listCredentials();
      expect(listed?.id === stored.id && (await erin.getCredential(stored.id)).credentialJwt === signed, "It is not what she stored");
      return `it is there as ${stored.id}`;
    });

    await story.step("the shop's policy demands that credential: without it, the order is denied", async () => {
      const failure = await failureOf(erin.request(order));
      expect(failure instanceof ProblemReportError, `Instead it became ${String(failure)}`);
      return `erin's request() threw "${failure.message}"`;
    });

    await story.step("erin presents it with the order, and the shop's handler sees who she is", async () => {
      const answer = await erin.request(await erin.present(order, [signed]));
      expect(answer.body["for"] === "Erin", `The order is for ${JSON.stringify(answer.body)}`);
      return `the node verified it on the way; the order is for ${answer.body["for"]}`;
    });

    await story.step("a presentation is for one verifier, once", async () => {
      const nonce = "c2hvcCBxdWVzdGlvbiAx";
      const presentation = await erin.signPresentation([signed], { nonce, audience: SHOP });
      await shop.verifyPresentation(presentation, { nonce });
      const replayed = await failureOf(shop.verifyPresentation(presentation, { nonce }));
      expect(replayed instanceof RestError && replayed.code === "nonce_replayed", `Instead: ${String(replayed)}`);
      const stolen = await failureOf(acme.verifyPresentation(presentation, { nonce }));
      expect(stolen instanceof RestError && stolen.code === "audience_mismatch", `Instead: ${String(stolen)}`);
      return `shown again: ${replayed.code}; shown to another: ${stolen.code}`;
    });

    await story.step("erin need not trust the node: she verifies on her own, from acme's DID document", async () => {
      const options = { resolution: { hosts: { localhost: node.httpUrl } } };
      const { kind } = await verifyLocally(signed, options);
      const [header, payload = "", signature] = signed.split(".");
      const forged = Buffer.from(payload, "base64url").toString().replace("Erin", "Boss");
      const failure = await failureOf(verifyLocally([header, Buffer.from(forged).toString("base64url"), signature].join("."), options));
      expect(kind === "credential" && failure instanceof VcError, `Instead: ${String(failure)}`);
      return `the ${kind} holds; with another name in it: ${failure.code}`;
    });
  } finally {
    await Promise.all([acme.close(), erin.close(), shop.close()]);
    await node.close();
  }
}

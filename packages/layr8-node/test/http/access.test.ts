import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startNode } from "../../src/node.ts";
import type { Layr8Node } from "../../src/layr8-node.ts";
import { RawAgent } from "../raw-agent.ts";
import { credentialOf, RestClient, type Answer } from "./rest-client.ts";

const OWNER = "did:web:owner.example:agent";
const STRANGER = "did:web:stranger.example:agent";

/** Data of one API key that another key tries to access. */
interface Wanted {
  /** A DID of the owner. */
  readonly did: string;
  readonly id: string;
  readonly credential: string;
  readonly presentation: string;
}

type Call = readonly [name: string, status: number, code: string, call: (rest: RestClient, wanted: Wanted) => Promise<Answer>];

const CALLS: readonly Call[] = [
  [
    "sign a credential",
    403,
    "did_not_allowed",
    (rest, { did }) => rest.post("/api/v1/credentials/sign", { credential: credentialOf(did), issuer_did: did }),
  ],
  [
    "verify a credential as the owner",
    403,
    "did_not_allowed",
    (rest, { did, credential }) => rest.post("/api/v1/credentials/verify", { signed_credential: credential, verifier_did: did }),
  ],
  [
    "store a credential",
    403,
    "did_not_allowed",
    (rest, { did, credential }) => rest.post("/api/v1/credentials", { holder_did: did, credential_jwt: credential }),
  ],
  ["list credentials", 403, "did_not_allowed", (rest, { did }) => rest.get(`/api/v1/credentials?holder_did=${encodeURIComponent(did)}`)],
  ["get a credential", 404, "credential_unknown", (rest, { id }) => rest.get(`/api/v1/credentials/${id}`)],
  ["delete a credential", 404, "credential_unknown", (rest, { id }) => rest.delete(`/api/v1/credentials/${id}`)],
  [
    "sign a presentation",
    403,
    "did_not_allowed",
    (rest, { did, credential }) => rest.post("/api/v1/presentations/sign", { credentials: [credential], holder_did: did }),
  ],
  [
    "verify a presentation as the owner",
    403,
    "did_not_allowed",
    (rest, { did, presentation }) =>
      rest.post("/api/v1/presentations/verify", { signed_presentation: presentation, verifier_did: did, nonce: "n" }),
  ],
];

let node: Layr8Node;
let ownerKey: string;
let owner: RestClient;
let stranger: RestClient;
let anybody: RestClient;

beforeEach(async () => {
  node = await startNode({ port: 0, logger: false });
  ownerKey = (await node.createApiKey({ dids: ["did:web:owner.example:*"] })).key;
  owner = new RestClient(node, ownerKey);
  stranger = new RestClient(node, (await node.createApiKey({ dids: ["did:web:stranger.example:*"] })).key);
  anybody = new RestClient(node);
});
afterEach(() => node.close());

async function wantedOf(did: string): Promise<Wanted> {
  const credential = await owner.sign(did);
  return {
    did,
    credential,
    id: await owner.store(did, credential),
    presentation: await owner.present(did, [credential], { nonce: "n" }),
  };
}

async function outcome(answer: Promise<Answer>): Promise<{ status: number; code: unknown }> {
  const { status, body } = await answer;
  return { status, code: body?.["code"] };
}

describe("a stranger's API key", () => {
  it.each(CALLS)("may not %s", async (_, status, code, call) => {
    const wanted = await wantedOf(OWNER);
    expect(await outcome(call(stranger, wanted))).toEqual({ status, code });
    // It was the key: the owner may. Deleting comes last of all that is done to the credential.
    expect((await owner.get(`/api/v1/credentials/${wanted.id}`)).status).toBe(200);
    expect((await call(owner, wanted)).status).toBeLessThan(300);
  });

  it.each(CALLS)("may not %s of an ephemeral DID, even if its rule covers all DIDs", async (_, status, code, call) => {
    const ephemeral = await RawAgent.join(node, { apiKey: ownerKey });
    const wanted = await wantedOf(ephemeral.did);
    expect(await outcome(call(anybody, wanted))).toEqual({ status, code });
    expect((await call(owner, wanted)).status).toBeLessThan(300);
    ephemeral.close();
  });

  it("cannot find out from responses which ids exist", async () => {
    const { id } = await wantedOf(OWNER);
    const foreign = await stranger.get(`/api/v1/credentials/${id}`);
    const unknown = await stranger.get("/api/v1/credentials/11111111-1111-4111-8111-111111111111");
    expect({ status: foreign.status, body: foreign.body }).toEqual({ status: unknown.status, body: unknown.body });
  });

  it("cannot page through another key's list with its own cursor", async () => {
    const credential = await owner.sign(OWNER);
    await owner.store(OWNER, credential);
    for (let i = 0; i < 2; i += 1) await stranger.store(STRANGER, credential);
    const { body } = await stranger.get(`/api/v1/credentials?holder_did=${STRANGER}&limit=1`);
    const next = String(body?.["next"]);
    expect((await stranger.get(`/api/v1/credentials?holder_did=${OWNER}&cursor=${next}`)).status).toBe(403);
    const page = (await stranger.get(`/api/v1/credentials?holder_did=${STRANGER}&cursor=${next}`)).body;
    expect(page).toEqual({ credentials: [expect.objectContaining({ holder_did: STRANGER })] });
  });
});

describe("no API key", () => {
  it.each(CALLS)("may not %s", async (_name, _status, _code, call) => {
    const wanted = { did: OWNER, id: "11111111-1111-4111-8111-111111111111", credential: "a.b.c", presentation: "a.b.c" };
    for (const key of [null, "", "an unknown key", "x".repeat(5000)]) {
      const answer = await call(new RestClient(node, key), wanted);
      expect(answer).toMatchObject({ status: 401, body: { code: "unauthorized" } });
    }
  });

  it("of a revoked key are rejected", async () => {
    const { id, key } = await node.createApiKey({ dids: "any" });
    const rest = new RestClient(node, key);
    expect((await rest.get(`/api/v1/credentials?holder_did=${OWNER}`)).status).toBe(200);
    await node.revokeApiKey(id);
    expect((await rest.get(`/api/v1/credentials?holder_did=${OWNER}`)).status).toBe(401);
  });
});

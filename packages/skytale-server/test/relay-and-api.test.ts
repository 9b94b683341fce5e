import { RelayClient } from "@parley/skytale-relay";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startSkytale } from "../src/server.ts";
import type { SkytaleServer } from "../src/skytale-server.ts";
import { ApiClient } from "./api/api-client.ts";
import { makeInvite, prove, registration } from "./api/reference-invite.ts";

const CHANNEL = "acme/team/general";

let server: SkytaleServer;
let clients: RelayClient[];
let alice: ApiClient & { readonly accountId: string };
let bob: ApiClient & { readonly accountId: string };

/** A client of the relay that gets its tokens from the API. */
function relay(account: ApiClient): RelayClient {
  const token = async (): Promise<string> => {
    const { status, body } = await account.post("/v1/tokens", { audience: ["skytale-relay"] });
    if (status !== 200) throw new Error(String(body["code"]));
    return String(body["token"]);
  };
  const client = new RelayClient({ url: server.relayUrl, token });
  clients.push(client);
  return client;
}

const message = (text: string) => ({ kind: "application", epoch: 1n, payload: new TextEncoder().encode(text) }) as const;

async function first(client: RelayClient): Promise<string> {
  for await (const { payload } of client.subscribe(CHANNEL, { from: 1 })) return Buffer.from(payload).toString();
  return "nothing";
}

async function letIn(): Promise<void> {
  const invite = makeInvite();
  await alice.post("/v1/channels/invites", registration(invite, CHANNEL));
  const request = prove(invite, CHANNEL, Buffer.from("key package"));
  expect((await bob.post("/v1/channels/joins", request)).status).toBe(202);
  const answer = await alice.post(`/v1/channels/pending/${request.request_id}/welcome`, { channel: CHANNEL, welcome: "AAAA" });
  expect(answer.status).toBe(204);
}

beforeEach(async () => {
  clients = [];
  server = await startSkytale({ port: 0, relayPort: 0, logger: false, limits: { relay: { accessCheckMs: 20 } } });
  alice = await ApiClient.signUp(server.apiUrl, "alice");
  bob = await ApiClient.signUp(server.apiUrl, "bob");
  expect((await alice.post("/v1/channels", { name: CHANNEL })).status).toBe(201);
});

afterEach(async () => {
  for (const client of clients) await client.close();
  await server.close();
});

describe("a channel of the relay", () => {
  it("is open to the account that owns it, and to other accounts only after they have joined", async () => {
    await relay(alice).publish(CHANNEL, message("hello"));
    const client = relay(bob);
    await expect(client.publish(CHANNEL, message("let me in"))).rejects.toMatchObject({ code: "permission_denied" });
    await expect(first(client)).rejects.toMatchObject({ code: "permission_denied" });
    await letIn();
    await expect.poll(() => first(relay(bob)).catch(String)).toBe("hello");
  });

  it("looks like an unknown channel to accounts without access", async () => {
    const refusal = async (name: string): Promise<unknown> =>
      relay(bob)
        .publish(name, message("x"))
        .catch((error: { code: string; message: string }) => ({ code: error.code, message: error.message.replace(name, "") }));
    expect(await refusal(CHANNEL)).toEqual(await refusal("acme/team/other"));
  });

  it("is closed again when the grant is withdrawn, for those who listen too", async () => {
    await letIn();
    await relay(alice).publish(CHANNEL, message("hello"));
    const listening = (async () => {
      for await (const { payload } of relay(bob).subscribe(CHANNEL, { from: 1 })) {
        expect(Buffer.from(payload).toString()).toBe("hello");
        await alice.delete(`/v1/channels/grants?channel=${encodeURIComponent(CHANNEL)}&account_id=${bob.accountId}`);
      }
    })();
    await expect(listening).rejects.toMatchObject({ code: "permission_denied" });
  });
});

describe("the relay", () => {
  it("drops the streams of a key that is revoked", async () => {
    const client = relay(alice);
    await client.publish(CHANNEL, message("hello"));
    await server.revokeApiKey(String(alice.bearer?.slice(8, 24)));
    // Sooner or later: within the time that is stated.
    const refused = async (): Promise<string> =>
      client.publish(CHANNEL, message("again"), { signal: AbortSignal.timeout(1000) }).then(
        () => "published",
        () => "refused",
      );
    await expect.poll(refused).toBe("refused");
    const text = await (await fetch(`${server.apiUrl}/metrics`)).text();
    expect(text).toMatch(/^skytale_relay_streams 0$/m);
  });

  it("counts, beside the API", async () => {
    await relay(alice).publish(CHANNEL, message("hello"));
    const text = await (await fetch(`${server.apiUrl}/metrics`)).text();
    expect(text).toMatch(/^skytale_relay_streams 1$/m);
    expect(text).toMatch(/^skytale_relay_published_total 1$/m);
  });
});

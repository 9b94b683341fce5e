import { Client as GrpcClient, credentials, Metadata } from "@grpc/grpc-js";
import { RelayClient } from "@parley/skytale-relay";
import { contract } from "@parley/skytale-relay/internal";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startSkytale } from "../src/server.ts";
import type { SkytaleServer } from "../src/skytale-server.ts";
import { ApiClient } from "./api/api-client.ts";

/** One refusal, and the next after hours. */
const ONE = { failedVerificationsPerSecond: 0.0001 };

let server: SkytaleServer;

beforeEach(async () => {
  server = await startSkytale({ port: 0, relayPort: 0, logger: false, trustProxy: 1, limits: { api: ONE, relay: ONE } });
});

afterEach(() => server.close());

async function status(address: string, bearer: string): Promise<number> {
  const headers = { authorization: `Bearer ${bearer}`, "x-forwarded-for": address };
  return (await fetch(`${server.apiUrl}/v1/accounts/me`, { headers })).status;
}

/** The status of a call on the relay with a forged token: 16 for UNAUTHENTICATED, 8 for RESOURCE_EXHAUSTED. */
async function relayStatus(address: string): Promise<unknown> {
  const client = new GrpcClient(new URL(server.relayUrl).host, credentials.createInsecure());
  const metadata = new Metadata();
  metadata.set("authorization", "Bearer e30.e30.x");
  metadata.set("x-forwarded-for", address);
  const asIs = (bytes: Buffer): Buffer => bytes;
  const path = `/${contract.RelayService.typeName}/GetHeads`;
  return new Promise((resolve) => {
    client.makeUnaryRequest(path, asIs, asIs, Buffer.alloc(0), metadata, (error) => {
      client.close();
      resolve(error?.code);
    });
  });
}

describe("rejected keys and tokens", () => {
  it("are limited per address: above the limit, the API rejects calls from that address, and serves other addresses", async () => {
    const key = server.apiKey ?? "";
    expect(await status("192.0.2.1", key)).toBe(200);
    expect(await status("192.0.2.1", `${key.slice(0, -1)}!`)).toBe(401);
    expect(await status("192.0.2.1", "e30.e30.x")).toBe(429);
    expect(await status("192.0.2.1", key)).toBe(429);
    expect(await status("192.0.2.2", key)).toBe(200);
    // An IPv6 network counts as one address.
    expect(await status("2001:db8::1", "e30.e30.x")).toBe(401);
    expect(await status("2001:db8::2", key)).toBe(429);
    expect(await status("2001:db8:0:1::1", key)).toBe(200);
  });

  it("are few on the relay too, and the API isn't affected by them", async () => {
    const { body } = await new ApiClient(server.apiUrl, server.apiKey).post("/v1/tokens");
    const good = String(body["token"]);
    await using before = new RelayClient({ url: server.relayUrl, token: () => good });
    await before.connect();
    await using forged = new RelayClient({ url: server.relayUrl, token: () => `${good.slice(0, -10)}AAAAAAAAAA` });
    // The client retries.
    const connecting = forged.connect().catch(() => undefined);
    const metrics = async (): Promise<string> => (await fetch(`${server.apiUrl}/metrics`)).text();
    await expect.poll(metrics).toContain('skytale_relay_refused_total{what="stream",code="resource_exhausted"}');
    expect(await metrics()).toContain('skytale_relay_refused_total{what="stream",code="unauthenticated"} 1\n');
    expect(await status("127.0.0.1", server.apiKey ?? "")).toBe(200);
    // Streams that are open already go on.
    expect(before.connected).toBe(true);
    await forged.close();
    await connecting;
  });

  it.each([
    { trustProxy: ["127.0.0.1"], behind: ["192.0.2.1", "192.0.2.1", "192.0.2.2"], codes: [16, 8, 16] },
    { trustProxy: ["10.0.0.0/8"], behind: ["192.0.2.1", "192.0.2.2"], codes: [16, 8] },
    { trustProxy: 1, behind: ["192.0.2.1", "192.0.2.2"], codes: [16, 8] },
  ])("are counted per address on the relay, that of the client only behind a proxy of the list: $trustProxy", async (example) => {
    await server.close();
    const { trustProxy, behind, codes } = example;
    server = await startSkytale({ port: 0, relayPort: 0, logger: false, trustProxy, limits: { api: ONE, relay: ONE } });
    const found: unknown[] = [];
    for (const address of behind) found.push(await relayStatus(address));
    expect(found).toEqual(codes);
  });
});

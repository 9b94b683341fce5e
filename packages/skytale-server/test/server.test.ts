import { once } from "node:events";
import { chmod, stat } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { Writable } from "node:stream";
import { RelayClient } from "@parley/skytale-relay";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { temporaryDirectory } from "@parley/test-assertions";
import { startSkytale } from "../src/server.ts";
import { ApiClient } from "./api/api-client.ts";

const FREE = { port: 0, relayPort: 0, logger: false } as const;

let folder: Awaited<ReturnType<typeof temporaryDirectory>>;
let dataDir: string;

beforeEach(async () => {
  folder = await temporaryDirectory();
  dataDir = join(folder.path, "data");
});

afterEach(() => folder.remove());

describe("a server", () => {
  it("makes an account and a key the first time, and only then", async () => {
    const first = await startSkytale({ ...FREE, dataDir });
    const alice = new ApiClient(first.apiUrl, first.apiKey);
    expect((await alice.post("/v1/channels", { name: "acme/team/general" })).status).toBe(201);
    const { body } = await alice.post("/v1/tokens");
    await first.close();

    const second = await startSkytale({ ...FREE, dataDir });
    expect(second.apiKey).toBeUndefined();
    const again = new ApiClient(second.apiUrl, first.apiKey);
    expect((await again.get("/v1/channels")).body["channels"]).toHaveLength(1);
    // Tokens of before are good: the key that signed them is kept.
    expect((await again.as(String(body["token"])).get("/v1/channels")).status).toBe(200);
    await second.close();
  });

  it("reports its health and its metrics", async () => {
    await using server = await startSkytale(FREE);
    expect(await (await fetch(`${server.apiUrl}/health`)).json()).toEqual({ status: "ok" });
    await new ApiClient(server.apiUrl).get("/v1/channels");
    await fetch(`${server.apiUrl}/no/such/path`);
    const text = await (await fetch(`${server.apiUrl}/metrics`)).text();
    expect(text).toContain('skytale_api_requests_total{method="GET",route="/v1/channels",status="401"} 1');
    expect(text).toContain('skytale_api_requests_total{method="GET",route="none",status="404"} 1');
  });

  it("logs streams, calls and rejections at debug, rejected keys at info and not each of many, and no key", async () => {
    const lines: Record<string, unknown>[] = [];
    const logger = pino({ level: "debug" }, { write: (text) => void lines.push(JSON.parse(text) as Record<string, unknown>) });
    const line = (msg: string) => lines.find((entry) => entry["msg"] === msg);
    const server = await startSkytale({ ...FREE, logger });
    const alice = new ApiClient(server.apiUrl, server.apiKey);
    const { body } = await alice.post("/v1/tokens");
    for (let n = 0; n < 5; n++) await alice.as(`sk_live_${"x".repeat(40)}${n}`).get("/v1/channels");
    const relay = new RelayClient({ url: server.relayUrl, token: () => String(body["token"]) });
    await relay.connect();
    const channel = "acme/team/general";
    expect((await alice.post("/v1/channels", { name: channel })).status).toBe(201);
    await relay.publish(channel, { kind: "application", epoch: 1n, payload: new TextEncoder().encode("a private text") });
    await expect
      .poll(() => line("published"))
      .toMatchObject({ level: 20, channel, kind: "entries", messages: 1, commits: 0, bytes: expect.any(Number) as number });
    await expect.poll(() => line("stream opened")).toMatchObject({ level: 20, account: expect.any(String) as string });
    await relay.close();
    await expect.poll(() => line("stream closed")).toMatchObject({ level: 20 });
    const stranger = new RelayClient({ url: server.relayUrl, token: () => "no-token" });
    await expect(stranger.connect()).rejects.toMatchObject({ code: "unauthenticated" });
    await stranger.close();
    expect(line("rejected by the relay")).toMatchObject({ level: 20, what: "stream", code: "unauthenticated" });
    expect(line("call completed")).toMatchObject({ level: 20, method: "POST", route: "/v1/tokens" });
    const rejected = lines.filter(({ msg }) => msg === "key or token rejected");
    expect(rejected[0]).toMatchObject({ level: 30, door: "api", code: "key_invalid" });
    expect(rejected.length).toBeLessThan(5);
    const text = JSON.stringify(lines);
    for (const secret of ["sk_live", String(body["token"]), "no-token", "private"]) expect(text).not.toContain(secret);
    await server.close();
  });

  it("is alone on its directory", async () => {
    await using server = await startSkytale({ ...FREE, dataDir });
    await expect(startSkytale({ ...FREE, dataDir })).rejects.toMatchObject({ code: "data_dir_locked" });
    expect((await fetch(`${server.apiUrl}/health`)).status).toBe(200);
  });

  it("frees its directory when it can't start", async () => {
    await using other = await startSkytale(FREE);
    await expect(startSkytale({ ...FREE, port: other.apiPort, dataDir })).rejects.toMatchObject({ code: "EADDRINUSE" });
    await (await startSkytale({ ...FREE, dataDir })).close();
  });

  it.each([
    [{ tokenTtlMs: 2 * 3_600_000 }, "tokenTtlMs"],
    [{ maxAccounts: 0 }, "maxAccounts"],
    [{ maxWaitMs: Number.NaN }, "maxWaitMs"],
  ])("refuses limits that make no sense: %j", async (api, name) => {
    await expect(startSkytale({ ...FREE, limits: { api } })).rejects.toThrow(new RegExp(`limits\\.api\\.${name}`));
  });

  it.each([
    [{ limits: { api: { maxAcounts: 1 } } }, "limits.api.maxAcounts"],
    [{ limits: { relay: { maxPayload: 1 } } }, "limits.relay.maxPayload"],
    [{ limits: { maxPayloadBytes: 1 } }, "limits.maxPayloadBytes"],
    [{ retention: { maxMessages: 50 } }, "retention.maxMessages"],
    [{ retention: { maxEntries: 0 } }, "retention.maxEntries"],
  ])("rejects unknown options: %j", async (options, name) => {
    await expect(startSkytale({ ...FREE, ...(options as object) })).rejects.toThrow(name);
  });

  it("completes calls in flight before it stops listening; close is idempotent", async () => {
    const server = await startSkytale({ ...FREE, dataDir });
    const alice = new ApiClient(server.apiUrl, server.apiKey);
    const calls = Array.from({ length: 20 }, (_, n) => alice.post("/v1/channels", { name: `acme/team/${n}` }));
    // One of them at least is there when the server stops.
    await Promise.race(calls);
    await Promise.all([server.close(), server.close()]);
    const answers = await Promise.allSettled(calls);
    const created = answers.filter((answer) => answer.status === "fulfilled" && answer.value.status === 201).length;
    const socket = connect(server.apiPort, "127.0.0.1");
    await expect(once(socket, "connect")).rejects.toMatchObject({ code: "ECONNREFUSED" });

    await using again = await startSkytale({ ...FREE, dataDir });
    const { body } = await new ApiClient(again.apiUrl, server.apiKey).get("/v1/channels");
    expect((body["channels"] as unknown[]).length).toBeGreaterThanOrEqual(created);
  });

  it("helps who embeds it with accounts and keys", async () => {
    await using server = await startSkytale({ ...FREE, signup: "closed" });
    const account = await server.createAccount({ email: "shop@example.org", name: "shop" });
    expect((await server.listAccounts({ limit: 10 })).map(({ name }) => name).toSorted()).toEqual(["operator", "shop"]);
    const { id, key } = await server.createApiKey(account.id, { name: "till", mode: "test" });
    const keys = await server.listApiKeys(account.id);
    expect(keys).toHaveLength(2);
    expect(keys).toContainEqual(expect.objectContaining({ id, name: "till", mode: "test" }));
    expect((await new ApiClient(server.apiUrl, key).get("/v1/accounts/me")).body).toMatchObject({ id: account.id });
    await server.revokeApiKey(id);
    await expect(server.revokeApiKey(id)).rejects.toMatchObject({ code: "not_found" });
    await expect(server.createApiKey("nobody")).rejects.toMatchObject({ code: "not_found" });
  });

  it("warns once of a directory that others may look into, and leaves its mode alone", async () => {
    const lines: string[] = [];
    const stream = new Writable({
      write(chunk, _encoding, done) {
        lines.push(String(chunk));
        done();
      },
    });
    const logger = pino({ level: "warn" }, stream);
    await (await startSkytale({ port: 0, relayPort: 0, logger, dataDir })).close();
    // On a busy machine, warnings of a blocked event loop are among the lines.
    expect(lines.filter((line) => line.includes("accessible"))).toEqual([]);
    await chmod(dataDir, 0o755);
    await (await startSkytale({ port: 0, relayPort: 0, logger, dataDir })).close();
    expect(lines.filter((line) => line.includes("is accessible to other users of this machine (mode 0755)"))).toHaveLength(1);
    expect((await stat(dataDir)).mode & 0o777).toBe(0o755);
  });

  it("logs neither keys nor tokens", async () => {
    const lines: string[] = [];
    const stream = new Writable({
      write(chunk, _encoding, done) {
        lines.push(String(chunk));
        done();
      },
    });
    const server = await startSkytale({ port: 0, relayPort: 0, logger: pino({ level: "trace" }, stream) });
    const alice = new ApiClient(server.apiUrl, server.apiKey);
    const { body } = await alice.post("/v1/tokens");
    await alice.as(String(body["token"])).get("/v1/channels");
    await alice.as(`${server.apiKey}x`).get("/v1/channels");
    await server.close();
    expect(lines.join("")).toContain("listening");
    for (const secret of [server.apiKey ?? "?", String(body["token"])]) expect(lines.join("")).not.toContain(secret.slice(0, 30));
  });
});

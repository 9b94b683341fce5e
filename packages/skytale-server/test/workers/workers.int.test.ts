import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { RelayClient } from "@parley/skytale-relay";
import { pino, type Logger } from "pino";
import { describe, expect, it } from "vitest";
import { temporaryDirectory } from "@parley/test-assertions";
import { startSkytale } from "../../src/server.ts";
import type { SkytaleServer } from "../../src/skytale-server.ts";
import { ApiClient } from "../api/api-client.ts";
import { makeInvite, prove, registration } from "../api/reference-invite.ts";

const CHANNEL = "acme/team/general";
const FREE = { port: 0, relayPort: 0, logger: false, workers: true } as const;
const message = (text: string) => ({ kind: "application", epoch: 1n, payload: new TextEncoder().encode(text) }) as const;

async function tokenOf(account: ApiClient): Promise<string> {
  const { body } = await account.post("/v1/tokens");
  return String(body["token"]);
}

function recordingLogger(level: string): { readonly logger: Logger; readonly lines: Record<string, unknown>[] } {
  const lines: Record<string, unknown>[] = [];
  return { lines, logger: pino({ level }, { write: (text) => void lines.push(JSON.parse(text) as Record<string, unknown>) }) };
}

/** The pid of the API's process, from the log. */
function apiPid(lines: readonly Record<string, unknown>[]): number {
  return Number(lines.findLast(({ msg }) => msg === "the API's process listens")?.["pid"]);
}

async function metricsOf(server: SkytaleServer): Promise<string> {
  return (await fetch(`${server.metricsUrl ?? server.apiUrl}/metrics`)).text();
}

describe("a server with workers", () => {
  it("has one set of records: what the API changes holds on the relay, and is there after a restart without workers", async () => {
    await using folder = await temporaryDirectory();
    const dataDir = join(folder.path, "data");
    let apiKey: string | undefined;
    {
      await using server = await startSkytale({ ...FREE, dataDir, limits: { relay: { accessCheckMs: 20 } } });
      apiKey = server.apiKey;
      const alice = new ApiClient(server.apiUrl, apiKey);
      const bob = await ApiClient.signUp(server.apiUrl, "bob");
      expect((await alice.post("/v1/channels", { name: CHANNEL })).status).toBe(201);
      expect((await alice.post("/v1/channels", { name: CHANNEL })).body).toMatchObject({ code: "channel_exists" });
      await using relay = new RelayClient({ url: server.relayUrl, token: () => tokenOf(bob) });
      await expect(relay.publish(CHANNEL, message("hello"))).rejects.toMatchObject({ code: "permission_denied" });

      // A call that waits in the API's process is woken by another one.
      const invite = makeInvite();
      await alice.post("/v1/channels/invites", registration(invite, CHANNEL));
      const pending = alice.get(`/v1/channels/pending?channel=${encodeURIComponent(CHANNEL)}&wait=30`);
      const request = prove(invite, CHANNEL, Buffer.from("key package"));
      expect((await bob.post("/v1/channels/joins", request)).status).toBe(202);
      expect((await pending).body["pending"]).toHaveLength(1);
      await alice.post(`/v1/channels/pending/${request.request_id}/welcome`, { channel: CHANNEL, welcome: "AAAA" });
      await expect.poll(() => relay.publish(CHANNEL, message("hello")).then(String, () => "refused")).not.toBe("refused");

      // What the operator changes in this process holds in the API's.
      const { id, key } = await server.createApiKey(bob.accountId);
      expect((await new ApiClient(server.apiUrl, key).get("/v1/accounts/me")).body).toMatchObject({ id: bob.accountId });
      await server.revokeApiKey(id);
      expect((await new ApiClient(server.apiUrl, key).get("/v1/accounts/me")).body).toMatchObject({ code: "key_invalid" });
    }
    await using again = await startSkytale({ ...FREE, workers: false, dataDir });
    expect((await new ApiClient(again.apiUrl, apiKey).get("/v1/channels")).body["channels"]).toHaveLength(1);
  });

  it("counts the work of both processes together, and logs that of the API under its name", async () => {
    const { logger, lines } = recordingLogger("debug");
    await using server = await startSkytale({ ...FREE, logger });
    const alice = new ApiClient(server.apiUrl, server.apiKey);
    await using relay = new RelayClient({ url: server.relayUrl, token: () => tokenOf(alice) });
    await relay.connect();
    await alice.as("sk_live_nothing").get("/v1/channels");
    const text = await metricsOf(server);
    expect(text).toContain('skytale_api_requests_total{method="POST",route="/v1/tokens",status="200"} 1');
    expect(text).toMatch(/^skytale_relay_streams 1$/m);
    expect(text).toMatch(/^skytale_api_waiting 0$/m);
    expect(await (await fetch(`${server.apiUrl}/health`)).json()).toEqual({ status: "ok" });
    await expect
      .poll(() => lines)
      .toContainEqual(expect.objectContaining({ level: 20, worker: "api", msg: "call completed", status: 200 }));
    expect(lines).toContainEqual(expect.objectContaining({ level: 30, worker: "api", msg: "key or token rejected", code: "key_invalid" }));
    expect(lines.find(({ msg }) => msg === "stream opened")).not.toHaveProperty("worker");
  });

  it("reports why its API can't listen, and releases its directory", async () => {
    await using folder = await temporaryDirectory();
    const dataDir = join(folder.path, "data");
    await using other = await startSkytale(FREE);
    const started = startSkytale({ ...FREE, port: other.apiPort, dataDir });
    await expect(started).rejects.toMatchObject({ code: "EADDRINUSE", message: expect.stringContaining("choose another port") as string });
    await (await startSkytale({ ...FREE, dataDir })).close();
  });

  it("serves the relay while the API's process is blocked, and closes", async () => {
    const { logger, lines } = recordingLogger("info");
    await using server = await startSkytale({ ...FREE, logger });
    const alice = new ApiClient(server.apiUrl, server.apiKey);
    await alice.post("/v1/channels", { name: CHANNEL });
    const token = await tokenOf(alice);
    process.kill(apiPid(lines), "SIGSTOP");
    const held = alice.get("/v1/accounts/me").then(
      () => "answered",
      () => "cut",
    );
    await using relay = new RelayClient({ url: server.relayUrl, token: () => token });
    for (let sequence = 1; sequence <= 100; sequence++) {
      expect(await relay.publish(CHANNEL, message("x"))).toMatchObject({ sequence });
    }
    await server.close();
    expect(await held).toBe("cut");
  });

  it("reports a crash of the API's process, keeps serving the relay, and restarts the API on the same port", async () => {
    const { logger, lines } = recordingLogger("info");
    await using server = await startSkytale({ ...FREE, logger, metricsPort: 0 });
    const { apiUrl } = server;
    const alice = new ApiClient(apiUrl, server.apiKey);
    await alice.post("/v1/channels", { name: CHANNEL });
    const token = await tokenOf(alice);
    await using relay = new RelayClient({ url: server.relayUrl, token: () => token });
    process.kill(apiPid(lines), "SIGKILL");
    await expect.poll(() => lines).toContainEqual(expect.objectContaining({ level: 50, worker: "api", signal: "SIGKILL" }));
    expect(await relay.publish(CHANNEL, message("x"))).toMatchObject({ sequence: 1 });
    await expect.poll(() => alice.get("/v1/channels").then(({ status }) => status, String)).toBe(200);
    expect(server.apiUrl).toBe(apiUrl);
    expect(await metricsOf(server)).toMatch(/^skytale_worker_crashes_total 1$/m);
    expect(await (await fetch(`${server.metricsUrl}/health`)).json()).toEqual({ status: "ok" });
  });

  it("replaces server.key: tokens stay valid, new ones are signed, and a process that is started again reads the new key", async () => {
    await using folder = await temporaryDirectory();
    const dataDir = join(folder.path, "data");
    const keyFile = (): Promise<string> => readFile(join(dataDir, "server.key"), "utf8");
    const { logger, lines } = recordingLogger("info");
    let apiKey: string | undefined;
    {
      await using server = await startSkytale({ ...FREE, dataDir, logger });
      apiKey = server.apiKey;
      const alice = new ApiClient(server.apiUrl, apiKey);
      await alice.post("/v1/channels", { name: CHANNEL });
      const token = await tokenOf(alice);
      const before = await keyFile();
      await server.rotateServerKey();
      await server.rotateServerKey();
      expect(await keyFile()).not.toBe(before);
      expect(await readdir(dataDir)).not.toContain("server.key.next");
      for (const each of [token, await tokenOf(alice)]) {
        await using relay = new RelayClient({ url: server.relayUrl, token: () => each });
        await relay.publish(CHANNEL, message("hello"));
      }
      process.kill(apiPid(lines), "SIGKILL");
      // The process may end only after the rotation: then there is nothing to refuse.
      const outcome = await server.rotateServerKey().then(
        () => "rotated",
        (error: unknown) => String(error),
      );
      expect(outcome).toMatch(/rotated|API's process (has crashed|does not respond)/);
      await expect.poll(() => server.rotateServerKey().then(() => "rotated", String)).toBe("rotated");
      await expect.poll(() => tokenOf(alice).then((text) => text.split(".").length, String)).toBe(3);
    }
    await using again = await startSkytale({ ...FREE, workers: false, dataDir });
    expect(await tokenOf(new ApiClient(again.apiUrl, apiKey))).toMatch(/^eyJ/);
  });

  it("keeps server.key, and reports the reason, while the API's process does not respond", async () => {
    await using folder = await temporaryDirectory();
    const dataDir = join(folder.path, "data");
    const keyFile = (): Promise<string> => readFile(join(dataDir, "server.key"), "utf8");
    const { logger, lines } = recordingLogger("info");
    await using server = await startSkytale({ ...FREE, dataDir, logger });
    const before = await keyFile();
    process.kill(apiPid(lines), "SIGSTOP");
    await expect(server.rotateServerKey()).rejects.toThrow("does not respond: nothing was changed; try again when it does");
    expect(await keyFile()).toBe(before);
    process.kill(apiPid(lines), "SIGCONT");
    await server.rotateServerKey();
    expect(await keyFile()).not.toBe(before);
    expect(await tokenOf(new ApiClient(server.apiUrl, server.apiKey))).toMatch(/^eyJ/);
  });

  it("shows calls of the API in the console, but no reads that succeed", async () => {
    await using server = await startSkytale({ ...FREE, adminPort: 0 });
    const alice = new ApiClient(server.apiUrl, server.apiKey);
    await alice.post("/v1/channels", { name: CHANNEL });
    await alice.get("/v1/channels");
    await alice.get("/v1/channels/acme%2Fteam%2Fnone");
    const { origin, hash } = new URL(server.adminUrl ?? "");
    const events = async (): Promise<readonly { type: string; outcome: string }[]> => {
      const headers = { authorization: `Bearer ${hash.replace("#token=", "")}` };
      const response = await fetch(`${origin}/api/events?filter=kind:call-answered`, { headers });
      return (await response.json()) as { type: string; outcome: string }[];
    };
    await expect
      .poll(async () => (await events()).map(({ type, outcome }) => `${type.split(" ")[0]} ${outcome}`))
      .toEqual(["GET 404", "POST 201"]);
  });

  it("closes while the API's process is being started again", async () => {
    const { logger, lines } = recordingLogger("info");
    await using server = await startSkytale({ ...FREE, logger });
    process.kill(apiPid(lines), "SIGKILL");
    await expect.poll(() => lines).toContainEqual(expect.objectContaining({ level: 50, worker: "api" }));
    await server.close();
  });
});

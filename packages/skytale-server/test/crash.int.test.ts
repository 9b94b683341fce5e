import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Changes, gateOrSoak, randomFrom, SEED, temporaryDirectory } from "@parley/test-assertions";
import { expect, it } from "vitest";
import { ApiClient } from "./api/api-client.ts";
import { makeInvite, prove, registration } from "./api/reference-invite.ts";
import { startCommand } from "./cli/command.ts";

const ROUNDS = gateOrSoak(3, 50);
const TIMEOUT = gateOrSoak(120_000, 3_600_000);
/** Requests to join before a kill, at most: each kill hits another state. */
const STEP = 80;
const WORKERS = 8;
const OPTIONS = ["--port", "0", "--relay-port", "0", "--log", "silent"];

/** State that the server has acknowledged. */
interface Noted {
  readonly keys: Set<string>;
  readonly revoked: Set<string>;
  readonly channels: Set<string>;
  /** Requests to join, and the last state that was acknowledged. */
  readonly joins: Map<string, "pending" | "admitted">;
  /** Requests whose answer was sent, so that they may be more than acknowledged. */
  readonly answering: Set<string>;
  /** How many are in by each invite of a channel. */
  readonly invites: Map<string, string>;
  /** Notified of each request to join. */
  readonly joined: Changes;
}

/** Calls of all kinds, until the server is gone. */
async function work(client: ApiClient, noted: Noted, prefix: string): Promise<void> {
  for (let n = 0; ; n++) {
    const channel = `crash/${prefix}/${n}`;
    if ((await client.post("/v1/channels", { name: channel })).status !== 201) throw new Error("no channel");
    noted.channels.add(channel);
    const { body: made } = await client.post("/v1/keys", { name: prefix });
    if (typeof made["key"] === "string") {
      noted.keys.add(made["key"]);
      if (n % 2 === 0) {
        noted.keys.delete(made["key"]);
        if ((await client.delete(`/v1/keys/${String(made["id"])}`)).status === 204) noted.revoked.add(made["key"]);
      }
    }
    const invite = makeInvite();
    await client.post("/v1/channels/invites", registration(invite, channel, 2));
    noted.invites.set(channel, invite.id.toString("base64url"));
    const request = prove(invite, channel, randomBytes(500));
    if ((await client.post("/v1/channels/joins", request)).status !== 202) throw new Error("not taken");
    noted.joins.set(request.request_id, "pending");
    noted.joined.notify();
    noted.answering.add(request.request_id);
    const answered = await client.post(`/v1/channels/pending/${request.request_id}/welcome`, { channel, welcome: "AAAA" });
    if (answered.status !== 204) throw new Error("not answered");
    noted.joins.set(request.request_id, "admitted");
  }
}

async function check(client: ApiClient, noted: Noted): Promise<void> {
  for (const key of noted.keys) expect((await client.as(key).get("/v1/accounts/me")).status).toBe(200);
  for (const key of noted.revoked) expect((await client.as(key).get("/v1/accounts/me")).status).toBe(401);
  const found = new Set<string>();
  for (let next: unknown = ""; next !== undefined;) {
    const { body } = await client.get(`/v1/channels?limit=100${next === "" ? "" : `&after=${String(next)}`}`);
    for (const { name } of body["channels"] as { name: string }[]) found.add(name);
    next = body["next"];
  }
  expect(Array.from(noted.channels).filter((name) => !found.has(name))).toEqual([]);
  for (const [id, state] of noted.joins) {
    const { body } = await client.get(`/v1/channels/joins/${id}`);
    const possible = state === "pending" && noted.answering.has(id) ? ["pending", "admitted"] : [state];
    expect(possible).toContain(body["status"]);
    // Each admitted joiner uses one use of the invite, and each pending one reserves one.
    const { body: list } = await client.get(`/v1/channels/invites?channel=${String(body["channel"])}`);
    expect(list["invites"]).toMatchObject([{ id: noted.invites.get(String(body["channel"])), uses: 1 }]);
  }
}

it(`a server that is killed under load keeps what it acknowledged (seed ${SEED})`, { timeout: TIMEOUT }, async () => {
  const random = randomFrom(SEED);
  const directory = await temporaryDirectory();
  const data = join(directory.path, "data");
  const limits = ["--config", join(directory.path, "config.json")];
  const api = { requestsPerSecond: 1_000_000, maxKeysPerAccount: 1_000_000, maxChannelsPerOrg: 1_000_000 };
  await writeFile(join(directory.path, "config.json"), JSON.stringify({ dataDir: data, limits: { api } }));
  let key = "";
  try {
    for (let round = 0; round < ROUNDS; round++) {
      const noted: Noted = {
        keys: new Set(),
        revoked: new Set(),
        channels: new Set(),
        joins: new Map(),
        answering: new Set(),
        invites: new Map(),
        joined: new Changes(),
      };
      const names = ["SKYTALE_API_URL", ...(round === 0 ? ["SKYTALE_API_KEY"] : [])];
      const server = await startCommand([...OPTIONS, ...limits], names);
      key = server.printed["SKYTALE_API_KEY"] ?? key;
      const client = new ApiClient(server.printed["SKYTALE_API_URL"] ?? "", key);
      const workers = Array.from({ length: WORKERS }, (_, n) => work(client, noted, `${round}-${n}`).catch((error: unknown) => error));
      const goal = 1 + random(STEP);
      await Promise.race([noted.joined.until(() => noted.joins.size >= goal), ...workers]);
      await server.stop("SIGKILL");
      const ends = await Promise.all(workers);
      // The connection broke; nothing was refused.
      for (const end of ends) expect(end).toBeInstanceOf(TypeError);
      expect(noted.joins.size).toBeGreaterThan(0);

      const again = await startCommand([...OPTIONS, ...limits], ["SKYTALE_API_URL"]);
      try {
        await check(new ApiClient(again.printed["SKYTALE_API_URL"] ?? "", key), noted);
      } finally {
        expect(await again.stop("SIGTERM")).toBe(0);
      }
    }
  } finally {
    await directory.remove();
  }
});

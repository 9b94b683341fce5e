import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { startSkytale } from "../../src/server.ts";
import type { SkytaleServer } from "../../src/skytale-server.ts";
import { ApiClient, type Answer } from "./api-client.ts";
import { makeInvite, prove, registration } from "./reference-invite.ts";

type Schema = Parameters<typeof z.fromJSONSchema>[0];
interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly { readonly in: string; readonly name: string; readonly required?: boolean; readonly schema: Schema }[];
  readonly requestBody?: { readonly required?: boolean; readonly content: Record<string, { readonly schema: Schema }> };
  readonly responses: Record<string, { readonly content?: Record<string, { readonly schema: Schema }> }>;
}
interface Document {
  readonly openapi: string;
  readonly paths: Record<string, Record<string, Operation>>;
}

/** A client that holds each of its calls against the description. */
class CheckedClient extends ApiClient {
  readonly document: Document;
  readonly seen: Set<string>;

  constructor(url: string, bearer: string | undefined, document: Document, seen: Set<string>) {
    super(url, bearer);
    this.document = document;
    this.seen = seen;
  }

  override async send(method: string, path: string, body?: string): Promise<Answer> {
    const answer = await super.send(method, path, body);
    const { pathname, searchParams } = new URL(path, "http://x");
    const { operation, parameters } = this.#find(method, pathname);
    const given: Record<string, string> = { ...parameters, ...Object.fromEntries(searchParams) };
    const accepted = answer.status < 400;
    if (accepted) {
      this.seen.add(`${operation.operationId} ${answer.status}`);
      for (const { name, required } of operation.parameters ?? []) expect(name in given || required !== true, name).toBe(true);
      expect(Object.keys(given).filter((name) => !operation.parameters?.some((known) => known.name === name))).toEqual([]);
      const { requestBody } = operation;
      expect(body === undefined || requestBody !== undefined).toBe(true);
      expect(body !== undefined || requestBody?.required !== true, `${operation.operationId} without a body`).toBe(true);
      if (body !== undefined) expectFits(requestBody?.content["application/json"]?.schema, JSON.parse(body));
    }
    const response = operation.responses[String(answer.status)] ?? operation.responses[`${Math.floor(answer.status / 100)}XX`];
    expect(response, `${operation.operationId} ${answer.status}`).toBeDefined();
    if (answer.status !== 204) expectFits(response?.content?.["application/json"]?.schema, answer.body);
    return answer;
  }

  #find(method: string, pathname: string): { operation: Operation; parameters: Record<string, string> } {
    for (const [pattern, operations] of Object.entries(this.document.paths)) {
      const match = new RegExp(`^${pattern.replaceAll(/\{(\w+)\}/g, "(?<$1>[^/]+)")}$`).exec(pathname);
      const operation = operations[method.toLowerCase()];
      if (match !== null && operation !== undefined) return { operation, parameters: { ...match.groups } };
    }
    throw new Error(`${method} ${pathname} is not described`);
  }
}

function expectFits(schema: Schema | undefined, value: unknown): void {
  expect(schema).toBeDefined();
  const result = z.fromJSONSchema(schema ?? false).safeParse(value);
  expect(result.error?.issues ?? []).toEqual([]);
}

let server: SkytaleServer;
let document: Document;

beforeAll(async () => {
  server = await startSkytale({ port: 0, relayPort: 0, logger: false });
  document = (await (await fetch(`${server.apiUrl}/openapi.json`)).json()) as Document;
});

afterAll(() => server.close());

describe("the description of the API", () => {
  it("is true of every call, and describes nothing else", async () => {
    const seen = new Set<string>();
    const client = (bearer?: string): CheckedClient => new CheckedClient(server.apiUrl, bearer, document, seen);
    const channel = "acme/team/general";
    const query = `channel=${encodeURIComponent(channel)}`;

    const { body: account } = await client().post("/v1/accounts", { email: "alice@example.org", name: "alice" });
    const { body: other } = await client().post("/v1/accounts", { email: "bob@example.org", name: "bob" });
    await client().post("/v1/accounts", { email: "bob@example.org", name: "bob" });
    const alice = client(String(account["api_key"]));
    const bob = client(String(other["api_key"]));
    await alice.get("/v1/accounts/me");
    const { body: key } = await alice.post("/v1/keys", { name: "x", mode: "test" });
    await alice.post("/v1/keys", { name: "y" });
    await alice.get("/v1/keys");
    await alice.delete(`/v1/keys/${String(key["id"])}`);
    await alice.post("/v1/tokens");
    await alice.post("/v1/tokens", { audience: ["skytale-relay"] });
    await alice.post("/v1/channels", { name: channel, idempotency_key: "k" });
    await alice.post("/v1/channels", { name: channel, idempotency_key: "k" });
    await alice.post("/v1/channels", { name: "acme/team/2" });
    await alice.get("/v1/channels?limit=1");
    await alice.get("/v1/channels");
    await alice.post("/v1/channels/grants", { channel, account_id: other["id"] });
    await alice.get(`/v1/channels/grants?${query}&limit=1`);
    await alice.delete(`/v1/channels/grants?${query}&account_id=${String(other["id"])}`);
    await alice.get("/v1/channels/grants?channel=bad-name");

    const invites = [makeInvite(), makeInvite(), makeInvite()] as const;
    for (const invite of invites) {
      await alice.post("/v1/channels/invites", registration(invite, channel, 5));
    }
    await alice.get(`/v1/channels/invites?${query}`);
    const [first, second] = [prove(invites[0], channel, Buffer.from("a")), prove(invites[1], channel, Buffer.from("b"))];
    await bob.post("/v1/channels/joins", first);
    await bob.post("/v1/channels/joins", second);
    await bob.post("/v1/channels/joins", prove(makeInvite(), channel, Buffer.from("c")));
    await bob.get(`/v1/channels/joins/${first.request_id}`);
    const { body: page } = await alice.get(`/v1/channels/pending?${query}&limit=1`);
    await alice.get(`/v1/channels/pending?${query}&limit=1&wait=0&after=${String(page["next"])}`);
    await alice.post(`/v1/channels/pending/${first.request_id}/welcome`, { channel, welcome: "AAAA", sequence: 3 });
    await alice.post(`/v1/channels/pending/${second.request_id}/refusal`, { channel, reason: "no" });
    await bob.get(`/v1/channels/joins/${first.request_id}?wait=1`);
    await bob.post(`/v1/channels/joins/${first.request_id}/rejection`);
    await bob.get(`/v1/channels/joins/${second.request_id}`);
    await bob.delete(`/v1/channels/joins/${first.request_id}`);
    await alice.delete(`/v1/channels/invites/${invites[2].id.toString("base64url")}?${query}`);

    const described = Object.values(document.paths).flatMap((operations) =>
      Object.values(operations).flatMap(({ operationId, responses }) =>
        Object.keys(responses).flatMap((status) => (/^\d+$/.test(status) ? `${operationId} ${status}` : [])),
      ),
    );
    expect(described.toSorted()).toEqual(Array.from(seen).toSorted());
  });

  it("contains the version of its format and the authentication of calls", () => {
    expect(document).toMatchObject({
      openapi: "3.1.0",
      security: [{ bearer: [] }],
      components: { securitySchemes: { bearer: { type: "http", scheme: "bearer" } } },
    });
    expect(document.paths["/v1/accounts"]?.["post"]).toMatchObject({ security: [] });
  });
});

import type { ServerResponse } from "node:http";
import { isJsonObject, type JsonObject } from "@parley/core";
import { sendJson, serve, type Seen, type TestServer } from "./http-server.ts";

export const API_KEY = "key-of-the-tests-0123456789";

/**
 * A server that implements the contract of a node's credentials API, with placeholders for signatures: `signed.<JSON in base64url>.`
 * It checks the key, stores credentials in memory, and returns pages of two.
 */
export function startContractNode(): Promise<TestServer> {
  const stored: JsonObject[] = [];
  const calls: Record<string, (body: JsonObject, response: ServerResponse) => void> = {
    "POST /api/v1/credentials/sign": ({ credential, issuer_did, format }, response) =>
      sendJson(response, 200, { signed_credential: seal({ credential, issuer_did, format }) }),
    "POST /api/v1/credentials/verify": ({ signed_credential }, response) => {
      const opened = unseal(signed_credential);
      if (opened === undefined) return sendJson(response, 422, { error: "The signature does not hold", code: "signature_invalid" });
      sendJson(response, 200, { credential: opened["credential"], headers: { alg: "EdDSA" } });
    },
    "POST /api/v1/credentials": (body, response) => {
      const entry = { ...body, id: `id/${stored.length + 1}?` };
      stored.push(entry);
      sendJson(response, 201, entry);
    },
    "POST /api/v1/presentations/sign": (body, response) => sendJson(response, 200, { signed_presentation: seal(body) }),
    "POST /api/v1/presentations/verify": ({ signed_presentation, nonce }, response) => {
      const opened = unseal(signed_presentation);
      if (opened === undefined || opened["nonce"] !== nonce) {
        return sendJson(response, 422, { error: "Another nonce", code: "nonce_mismatch" });
      }
      sendJson(response, 200, { presentation: opened, headers: { alg: "EdDSA" } });
    },
  };
  return serve(({ method, url, headers, body }, response) => {
    if (headers["x-api-key"] !== API_KEY) return sendJson(response, 401, { error: "unauthorized" });
    const { pathname, searchParams } = new URL(url, "http://node");
    if (method === "GET" && pathname === "/api/v1/credentials") return sendPage(stored, searchParams, response);
    if (method === "GET") {
      const entry = stored.find(({ id }) => pathname === `/api/v1/credentials/${encodeURIComponent(String(id))}`);
      return entry === undefined ? sendJson(response, 404, { error: "The credential does not exist" }) : sendJson(response, 200, entry);
    }
    const call = calls[`${method} ${pathname}`];
    if (call === undefined || !isJsonObject(body)) return sendJson(response, 404, { error: "not found" });
    call(body, response);
  });
}

/** The bodies of the requests that a server received. */
export function bodiesOf(seen: readonly Seen[]): readonly unknown[] {
  return seen.map(({ body }) => body);
}

function sendPage(stored: readonly JsonObject[], query: URLSearchParams, response: ServerResponse): void {
  const mine = stored.filter((entry) => entry["holder_did"] === query.get("holder_did"));
  const from = Number(query.get("cursor") ?? 0);
  const next = from + 2 < mine.length ? { next: String(from + 2) } : {};
  sendJson(response, 200, { credentials: mine.slice(from, from + 2), ...next });
}

function seal(value: unknown): string {
  return `signed.${Buffer.from(JSON.stringify(value)).toString("base64url")}.`;
}

function unseal(signed: unknown): JsonObject | undefined {
  const inner = /^signed\.([^.]+)\.$/.exec(String(signed))?.[1];
  const value: unknown = inner === undefined ? undefined : JSON.parse(Buffer.from(inner, "base64url").toString());
  return isJsonObject(value) ? value : undefined;
}

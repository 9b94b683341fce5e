import type { JsonObject } from "@parley/core";
import type { Layr8Node } from "../../src/layr8-node.ts";

/** An answer of the REST side. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** Parsed, or `undefined` where the answer has no body. */
  readonly body: JsonObject | undefined;
}

/** Sends raw REST requests, so that tests can send invalid ones. */
export class RestClient {
  readonly #node: Layr8Node;
  readonly #apiKey: string | null;

  /** @param apiKey `null` for none. */
  constructor(node: Layr8Node, apiKey: string | null = node.apiKey ?? null) {
    this.#node = node;
    this.#apiKey = apiKey;
  }

  get(path: string): Promise<Answer> {
    return this.send("GET", path);
  }

  delete(path: string): Promise<Answer> {
    return this.send("DELETE", path);
  }

  post(path: string, body: object): Promise<Answer> {
    return this.send("POST", path, JSON.stringify(body));
  }

  async send(method: string, path: string, body?: string | Uint8Array<ArrayBuffer>, contentType = "application/json"): Promise<Answer> {
    const response = await fetch(this.#node.httpUrl + path, {
      method,
      headers: {
        ...(this.#apiKey !== null && { "x-api-key": this.#apiKey }),
        ...(body !== undefined && { "content-type": contentType }),
      },
      ...(body !== undefined && { body }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text === "" ? undefined : (JSON.parse(text) as JsonObject) };
  }

  /** Signs a credential, which must succeed. */
  async sign(issuer: string, more: JsonObject = {}, format?: string): Promise<string> {
    const { body } = await this.post("/api/v1/credentials/sign", { credential: credentialOf(issuer, more), issuer_did: issuer, format });
    return textOf(body, "signed_credential");
  }

  /** Presents credentials, which must succeed. */
  async present(holder: string, credentials: readonly string[], more: object = {}): Promise<string> {
    const { body } = await this.post("/api/v1/presentations/sign", { credentials, holder_did: holder, ...more });
    return textOf(body, "signed_presentation");
  }

  /** Stores a credential, which must succeed, and gives its id. */
  async store(holder: string, credential: string): Promise<string> {
    const { body } = await this.post("/api/v1/credentials", { holder_did: holder, credential_jwt: credential });
    return textOf(body, "id");
  }
}

/** A credential of VCDM 2.0. */
export function credentialOf(issuer: string, more: JsonObject = {}): JsonObject {
  return {
    "@context": ["https://www.w3.org/ns/credentials/v2"],
    id: "urn:uuid:5d7c8f0e-2d8e-4a52-9f0c-5f7b9cf0a001",
    type: ["VerifiableCredential", "MembershipCredential"],
    issuer,
    credentialSubject: { id: "did:web:subject.example", level: "gold" },
    ...more,
  };
}

function textOf(body: JsonObject | undefined, member: string): string {
  const value = body?.[member];
  if (typeof value !== "string") throw new Error(`The node answered ${JSON.stringify(body)}`);
  return value;
}

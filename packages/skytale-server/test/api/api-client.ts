import { expect } from "vitest";

/** An answer as it came. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

/** A plain HTTP client of the API. */
export class ApiClient {
  readonly url: string;
  readonly bearer: string | undefined;

  constructor(url: string, bearer?: string) {
    this.url = url;
    this.bearer = bearer;
  }

  /** Makes an account, and a client with its key. */
  static async signUp(url: string, name: string): Promise<ApiClient & { readonly accountId: string }> {
    const { status, body } = await new ApiClient(url).post("/v1/accounts", { email: `${name}@example.org`, name });
    expect(status, JSON.stringify(body)).toBe(201);
    return Object.assign(new ApiClient(url, String(body["api_key"])), { accountId: String(body["id"]) });
  }

  as(bearer: string | undefined): ApiClient {
    return new ApiClient(this.url, bearer);
  }

  get(path: string, signal?: AbortSignal): Promise<Answer> {
    return this.send("GET", path, undefined, signal);
  }

  post(path: string, body?: unknown): Promise<Answer> {
    return this.send("POST", path, body === undefined ? undefined : JSON.stringify(body));
  }

  delete(path: string): Promise<Answer> {
    return this.send("DELETE", path);
  }

  async send(method: string, path: string, body?: string, signal?: AbortSignal): Promise<Answer> {
    const response = await fetch(this.url + path, {
      method,
      headers: {
        ...(this.bearer !== undefined && { authorization: `Bearer ${this.bearer}` }),
        ...(body !== undefined && { "content-type": "application/json" }),
      },
      ...(body !== undefined && { body }),
      ...(signal !== undefined && { signal }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text === "" ? {} : (JSON.parse(text) as Record<string, unknown>) };
  }
}

/** What a refusal looks like. */
export function expectRefusal({ status, body }: Answer, expectedStatus: number, code: string): void {
  expect({ status, code: body["code"] }).toEqual({ status: expectedStatus, code });
  expect(body["error"]).toEqual(expect.any(String));
}

import type { FastifyRequest } from "fastify";
import { afterEach, expect, it, vi } from "vitest";
import { createAuthentication } from "../../src/http/rest/authentication.ts";
import type { ApiKeys } from "../../src/identity/api-keys.ts";

afterEach(() => void vi.useRealTimers());

it("an API key's rate limit is unchanged when the wall clock is set back", async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.parse("2026-06-01T12:00:00Z") });
  const apiKeys = { find: () => ({ id: "key" }) } as unknown as ApiKeys;
  const authentication = createAuthentication(apiKeys, 100);
  const request = { headers: { "x-api-key": "secret" } } as unknown as FastifyRequest;
  const exhaust = async (): Promise<void> => {
    for (;;) await authentication.admit(request);
  };
  await expect(exhaust()).rejects.toThrow("an API key may make 100 requests a second");
  vi.setSystemTime(Date.parse("2026-06-01T11:00:00Z"));
  await expect(exhaust()).rejects.toThrow("an API key may make 100 requests a second");
  await vi.waitFor(() => authentication.admit(request), { timeout: 60_000, interval: 5 });
});

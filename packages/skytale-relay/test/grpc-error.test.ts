import { status } from "@grpc/grpc-js";
import { expect, it } from "vitest";
import { grpcError } from "../src/grpc-error.ts";

const CONTEXT = { target: "relay.example:5000", token: "the.secret.token" };

it.each([
  [status.UNAUTHENTICATED, "the token has expired", "unauthenticated", "rejected the token: the token has expired"],
  [status.PERMISSION_DENIED, "not a member", "permission_denied", "denied permission: not a member"],
  [status.RESOURCE_EXHAUSTED, "too many calls", "resource_exhausted", "rejected the request temporarily: too many calls"],
  [status.UNAVAILABLE, "The relay is stopping", "unavailable", "is not available: The relay is stopping"],
  [status.DEADLINE_EXCEEDED, "Deadline exceeded after 1.5s,LB pick: 0.1s", "timeout", "did not answer in time"],
  [status.INTERNAL, "", "internal", "failed"],
  [
    status.UNAVAILABLE,
    "No connection established. Last error: Error: connect ECONNREFUSED 10.0.0.1:5000. Resolution note: ",
    "unavailable",
    "can't be reached: connect ECONNREFUSED 10.0.0.1:5000. Is a relay running? To start one: npx -p @parley/skytale-server skytale-server",
  ],
  [
    status.UNAVAILABLE,
    "Name resolution failed for target dns:relay.example:5000",
    "unavailable",
    "can't be reached: the host name can't be resolved",
  ],
  [
    status.UNAVAILABLE,
    "No connection established. Last error: Error: 80DC:error:0A00010B:SSL routines:ssl3_get_record:wrong version number:a.c:350:\n. Resolution note: ",
    "unavailable",
    "can't be reached: the server does not use TLS; the address of a relay without TLS begins with http://",
  ],
  [
    status.UNAVAILABLE,
    "No connection established. Last error: Protocol error (2026-01-01T00:00:00.000Z). Resolution note: ",
    "unavailable",
    "can't be reached: the server is not a relay: check that this is not the API's port, and whether it needs TLS (https://)",
  ],
] as const)("status %d, %j", (code, details, expected, message) => {
  const cause = new Error(details);
  expect(grpcError({ code, details }, CONTEXT, cause)).toMatchObject({
    name: "RelayError",
    code: expected,
    message: `The relay at relay.example:5000 ${message}`,
    cause,
  });
});

it("never repeats the token, even if the relay does", () => {
  const details = `no: ${CONTEXT.token}, ${CONTEXT.token}`;
  const error = grpcError({ code: status.UNAUTHENTICATED, details }, CONTEXT, new Error(details));
  expect(error.message).toBe("The relay at relay.example:5000 rejected the token: no: …, …");
  expect(error.cause).toBeUndefined();
});

it("truncates an untrusted reason and keeps it on one line", () => {
  const error = grpcError({ code: status.INTERNAL, details: `a\r\n\u001b[31m${"b".repeat(1_000_000)}` }, CONTEXT);
  expect(error.message.length).toBeLessThan(400);
  expect(error.message).toMatch(/^The relay at relay.example:5000 failed: a \[31mb+…$/);
});

import { explainNodeFailure } from "@parley/core/internal";
import { expect, it } from "vitest";

const failed = (message: string, code: string): Error => Object.assign(new Error(message), { code });

it.each<[unknown, string, boolean]>([
  [failed("connect ECONNREFUSED 127.0.0.1:1", "ECONNREFUSED"), "connect ECONNREFUSED 127.0.0.1:1. Is a node running? To start one: ", true],
  [failed("", "ECONNREFUSED"), "ECONNREFUSED. Is a node running?", true],
  [failed("getaddrinfo ENOTFOUND x", "ENOTFOUND"), "getaddrinfo ENOTFOUND x. Check the host of nodeUrl", true],
  [
    failed("wrong version number", "EPROTO"),
    "the server does not use TLS. For a node without TLS, nodeUrl begins with ws:// or http://",
    false,
  ],
  [failed("Parse Error: sent text", "HPE_INVALID_CONSTANT"), "the response is not HTTP/1.1", false],
  [failed("first\nsecond", "EOTHER"), "first", true],
  [undefined, "the connection was closed", true],
  ["a text", "the connection failed", true],
])("explains %j", (failure, why, retryable) => {
  const explained = explainNodeFailure(failure);
  expect(explained.why.startsWith(why)).toBe(true);
  expect(explained.retryable).toBe(retryable);
  expect(explained.why).not.toContain("second");
});

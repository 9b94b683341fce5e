import { describe, expect, it } from "vitest";
import { parseMessageType, protocolOf } from "../src/index.ts";

describe("parseMessageType", () => {
  it.each([
    ["https://layr8.io/protocols/echo/1.0/request", "https://layr8.io/protocols/echo/1.0", "echo", "1.0", "request"],
    [
      "https://didcomm.org/report-problem/2.0/problem-report",
      "https://didcomm.org/report-problem/2.0",
      "report-problem",
      "2.0",
      "problem-report",
    ],
    ["http://localhost:4000/p/1/m", "http://localhost:4000/p/1", "p", "1", "m"],
    [
      "did:example:1234;spec/trust_ping/1.0.3/ping_response",
      "did:example:1234;spec/trust_ping/1.0.3",
      "trust_ping",
      "1.0.3",
      "ping_response",
    ],
    ["urn:protocol:echo/2/say.it", "urn:protocol:echo/2", "echo", "2", "say.it"],
  ])("splits %s", (type, protocol, protocolName, version, name) => {
    expect(parseMessageType(type)).toEqual({ protocol, protocolName, version, name });
    expect(protocolOf(type)).toBe(protocol);
  });

  it.each([
    "",
    "echo",
    "echo/1.0/request",
    "https://layr8.io/protocols/echo/1.0",
    "https://layr8.io/protocols/echo/1.0/",
    "https://layr8.io/protocols/echo/v1/request",
    "https://layr8.io/protocols/echo/1.0/re quest",
    " https://layr8.io/protocols/echo/1.0/request",
    "https://layr8.io/protocols/echo/1.0/request\n",
    "https://layr8.io/protocols/echo/1.0/request?x=1",
    "*",
  ])("finds no message type in %j", (type) => {
    expect(parseMessageType(type)).toBeUndefined();
    expect(protocolOf(type)).toBeUndefined();
  });

  it("reads up to 1024 characters", () => {
    const name = "x".repeat(1024 - "https://a.io/p/1/".length);
    expect(parseMessageType(`https://a.io/p/1/${name}`)?.name).toBe(name);
    expect(parseMessageType(`https://a.io/p/1/${name}x`)).toBeUndefined();
  });

  // A pattern that backtracks without bound would not come back from these within the test's time.
  it.each(["/", ":", ";", "a", "1", "/a", ":a/1", "a/1/", "/1/1", ";a/1:", "--/"])("takes linear time for repetitions of %j", (piece) => {
    for (const length of [1023, 1_000_000]) {
      const type = piece.repeat(Math.floor(length / piece.length));
      expect(parseMessageType(`${type} `)).toBeUndefined();
    }
  });
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readResponse, readRetryAfter } from "../../../src/federation/outbound/remote-response.ts";

const NOW = Date.parse("2026-11-21T12:00:00Z");

describe("the response of another node", () => {
  it.each([
    ["seconds", "120", 120_000],
    ["zero", "0", 0],
    ["a date", "Sat, 21 Nov 2026 12:00:30 GMT", 30_000],
    ["a date in the past", "Sat, 21 Nov 2026 11:00:00 GMT", 0],
    ["nothing", undefined, 0],
    ["a negative number", "-5", 0],
    ["words", "soon", 0],
    ["too many digits", "9".repeat(400), 0],
  ])("sets the pause before a retry by Retry-After: %s", (_, value, expected) => {
    expect(readRetryAfter(value, NOW)).toBe(expected);
  });

  it("counts as a silent node for 502 and 504, which proxies send", () => {
    const silent = [408, 429, 500, 502, 503, 504].filter((status) => {
      const answer = readResponse({ status, body: "" }, NOW);
      return answer.kind === "later" && answer.silent;
    });
    expect(silent).toEqual([502, 504]);
  });

  it.each<[string, string, object]>([
    ["a code and a comment", '{"error":"no","code":"e.m.authz.denied"}', { remoteCode: "e.m.authz.denied" }],
    ["a code with strange characters", '{"error":"no","code":"e.<b>"}', {}],
    ["a code that is too long", JSON.stringify({ code: "e".repeat(129) }), {}],
    ["a code that is not a string", '{"code":["a"]}', {}],
    ["no object", "[1]", {}],
    ["null", "null", {}],
    ["no JSON", "<html>", {}],
    ["nothing", "", {}],
  ])("yields a rejection for a body with %s", (_, body, expected) => {
    const answer = readResponse({ status: 403, body }, NOW);
    expect(answer).toEqual({
      kind: "refused",
      cause: {
        code: "refused",
        status: 403,
        comment: expect.stringMatching(/^The other node refused the message with status 403/),
        ...expected,
      },
      lookAgain: false,
    });
  });

  it("is quoted in one line, without control characters, and truncated", () => {
    const error = `a\n\u001b[31mb\u202Ec\ud800 ${"x".repeat(1000)}`;
    const answer = readResponse({ status: 403, body: JSON.stringify({ error }) }, NOW);
    if (answer.kind !== "refused") throw new Error(answer.kind);
    expect(answer.cause.comment).toContain("status 403: a  [31mb c  x");
    expect(answer.cause.comment.length).toBeLessThan(300);
  });

  it("is classified for any status, header and body", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 100, max: 999 }),
        fc.option(fc.string(), { nil: undefined }),
        fc.oneof(fc.string(), fc.json()),
        (status, retryAfter, body) => {
          const answer = readResponse({ status, retryAfter, body }, NOW);
          expect(answer.kind === "taken").toBe(status >= 200 && status < 300);
          expect(answer.kind === "later" ? answer.retryAfterMs : 0).toBeGreaterThanOrEqual(0);
          expect(answer.kind === "refused" ? answer.cause.comment : "none").toMatch(/^[^\p{C}]{1,300}$/u);
        },
      ),
    );
  });
});

import { createMessage, type JsonValue } from "@parley/core";
import { describe, expect, it } from "vitest";

import { ProblemReportError } from "../src/index.ts";
import { isProblemReport, readReport, reportFor } from "../src/problem-report.ts";
import { ALICE, ECHO, REPORT } from "./support.ts";

const read = (body: Record<string, JsonValue>) => readReport(createMessage({ type: REPORT, from: ALICE, body }));

describe("ProblemReportError", () => {
  it.each<[string, string[], string]>([
    ["plain", [], "plain"],
    ["{1} and {2}", ["a", "b"], "a and b"],
    ["{2} before {1}", ["a", "b"], "b before a"],
    ["{1} {3}", ["a"], "a ?"],
    ["{0}", [], "?"],
    ["none", ["a", "b"], "none, a, b"],
    ["{1}", ["{2}", "x"], "{2}, x"],
  ])("puts arguments into the comment: %s %j", (comment, args, expected) => {
    const error = new ProblemReportError("e.p.req", comment, args);
    expect(error).toMatchObject({ code: "e.p.req", comment: expected, rawComment: comment, args, message: `e.p.req: ${expected}` });
  });
});

describe("an inbound report", () => {
  it.each<[Record<string, JsonValue>, Partial<ProblemReportError>]>([
    [{}, { code: "e.p", comment: "", args: [], from: ALICE }],
    [
      { code: "", comment: null, args: "x" },
      { code: "e.p", comment: "", args: [] },
    ],
    [
      { code: 7, comment: {}, args: {} },
      { code: "e.p", comment: "", args: [] },
    ],
    [
      { code: "e.p.x", comment: "{1}{2}{3}", args: [1, null, { a: 1 }] },
      { code: "e.p.x", comment: '1null{"a":1}' },
    ],
  ])("is read whatever its body holds: %j", (body, expected) => {
    expect(read(body)).toMatchObject(expected);
  });

  it("is cut to size, and can't blow up", () => {
    const error = read({
      code: "e".repeat(9999),
      comment: "{1}".repeat(100_000),
      args: Array.from({ length: 1000 }, () => "x".repeat(10_000)),
    });
    expect(error.code).toHaveLength(256);
    expect(error.comment).toHaveLength(4096);
    expect(error.args).toHaveLength(16);
  });

  it.each([
    [REPORT, true],
    ["https://didcomm.org/report-problem/1.0/problem-report", true],
    ["https://didcomm.org/other/1.0/problem-report", false],
    [ECHO, false],
  ])("is known by its type: %s", (type, expected) => {
    expect(isProblemReport({ type })).toBe(expected);
  });
});

describe("what a failed handler says", () => {
  it.each<[unknown, string]>([
    [new Error("out of tea"), "out of tea"],
    ["a text", "a text"],
    [new Error(""), "The message could not be processed"],
    [{ secret: true }, "The message could not be processed"],
    [new Error("worker failed\n    at run (/srv/agent.js:1:1)"), "worker failed"],
    [new Error("bad {1}"), "bad 1"],
    [new Error("x".repeat(5000)), "x".repeat(1024)],
  ])("is the error's message, without a stack, cut to size: %s", (thrown, comment) => {
    expect(reportFor(thrown, { id: "m1" })).toMatchObject({ code: "e.p.xfer.cant-process", comment });
  });
});

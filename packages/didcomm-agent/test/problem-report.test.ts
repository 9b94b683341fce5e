import { createMessage, type JsonValue } from "@parley/core";
import { describe, expect, it } from "vitest";

import { BodyError, ProblemReportError } from "../src/index.ts";
import { createReport, isProblemReport, readReport, reportFor } from "../src/problem-report.ts";
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
    ["3 of 4 left", ["3", "4"], "3 of 4 left"],
    ["3 left", ["3", "tea"], "3 left, tea"],
  ])("puts arguments into the comment: %s %j", (comment, args, expected) => {
    const error = new ProblemReportError("e.p.req", comment, args);
    expect(error).toMatchObject({ code: "e.p.req", comment: expected, rawComment: comment, args, message: `e.p.req: ${expected}` });
  });
});

describe("whether a reported message may be accepted later", () => {
  it.each([
    ["e.p.me.res.storage", true],
    ["e.p.me.res.rate", true],
    ["e.p.me.res.net", true],
    ["e.p.me.res.money", false],
    ["e.m.authz.denied", false],
    ["w.p.me.res.net", false],
  ])("follows from the code: %s, %s", (code, retryable) => {
    expect(new ProblemReportError(code).retryable).toBe(retryable);
  });
});

describe("a problem code", () => {
  it.each([
    "e.p",
    "w.m",
    "e.p.req.out-of-stock",
    "e.m.authz.denied",
    "w.m.req.time",
    "e.connect.plugin.failed",
    "e.get-pay-details.payment-failed",
    "e.p.x9.3d",
  ])("is one of DIDComm: %s", (code) => {
    expect(new ProblemReportError(code).code).toBe(code);
  });

  it.each<unknown>([
    "",
    "nonsense",
    "e",
    "e.",
    "x.p.req",
    "e.p.",
    "e..req",
    "e.p.Out-Of-Stock",
    "e.p.out_of_stock",
    "e.p.out of stock",
    "e.p.-x",
    "e.p.x-",
    "E.p.x",
    "e.p.x\n",
    `e.p.${"x".repeat(300)}`,
    5,
    null,
    undefined,
    {},
  ])("is rejected with an example of a valid code: %j", (code) => {
    expect(() => new ProblemReportError(code as string)).toThrow(/^A problem report needs a problem code of DIDComm, such as "e\.p\.req/);
    expect(() => new ProblemReportError(code as string)).toThrow(TypeError);
  });

  it.each<[string, string | undefined, string]>([
    ["nonsense", ALICE, "nonsense"],
    ["nonsense", undefined, "e.p"],
    ["e.p.x", undefined, "e.p.x"],
  ])("of another agent is read as it is, if its author is known: %s of %s", (code, from, expected) => {
    const message = createMessage({ type: REPORT, ...(from !== undefined && { from }), body: { code } });
    expect(readReport(message).code).toBe(expected);
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
  ])("is read with any body: %j", (body, expected) => {
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

  it("reads arguments that are nested deeper than JSON can write", () => {
    const deep = JSON.parse(`${"[".repeat(200_000)}${"]".repeat(200_000)}`) as JsonValue;
    expect(() => read({ code: "e.p", comment: "{1}", args: [deep] })).not.toThrow();
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

describe("the report of a failed handler", () => {
  const report = (thrown: unknown, exposeErrors = false, id = "m1") => reportFor(thrown, { id }, "The handler failed", exposeErrors);

  it.each<unknown>([
    new Error("password hunter2 at db.internal"),
    "password hunter2",
    { secret: true },
    new AggregateError([new Error("hunter2")], "hunter2"),
    new BodyError([{ message: "hunter2" }], "another message"),
  ])("contains only a reference for the thrown %s", (thrown) => {
    const comment = "The handler failed (reference m1)";
    expect(report(thrown)).toMatchObject({ code: "e.p.xfer.cant-process", comment, rawComment: comment, args: [] });
  });

  it("is the text of a ProblemReportError, and what is wrong with the sender's own body", () => {
    const chosen = new ProblemReportError("e.p.req", "Only {1} left", ["3"]);
    expect(report(chosen)).toBe(chosen);
    const misfit = new BodyError([{ message: "too dear", path: ["price"] }], "m1");
    expect(report(misfit)).toMatchObject({ code: "e.p.msg.bad-body", comment: "body.price: too dear" });
  });

  it("keeps another agent's words, and has a code that can be read", () => {
    expect(report(read({ code: "nonsense", comment: "Only {1} left", args: ["3"] }))).toMatchObject({
      code: "e.p.xfer.cant-process",
      comment: "Only 3 left",
      args: ["3"],
    });
    expect(report(read({ code: "e.p.req", comment: "No" }))).toMatchObject({ code: "e.p.req", comment: "No", from: ALICE });
  });

  it.each<[unknown, string]>([
    [new Error("out of tea"), "out of tea"],
    ["a text", "a text"],
    [new Error(""), "The handler failed (reference m1)"],
    [{ secret: true }, "The handler failed (reference m1)"],
    [new Error("worker failed\n    at run (/srv/agent.js:1:1)"), "worker failed"],
    [new Error("bad {1}"), "bad 1"],
    [new Error("x".repeat(5000)), "x".repeat(1024)],
  ])("is the error's message with exposeErrors, without a stack, cut to size: %s", (thrown, comment) => {
    expect(report(thrown, true)).toMatchObject({ code: "e.p.xfer.cant-process", comment });
  });

  it("bounds the reference, and takes no places of arguments from it", () => {
    const { comment } = report(new Error("x"), false, `{1}${"i".repeat(2000)}`);
    expect(comment).toMatch(/^The handler failed \(reference 1i+\)$/);
    expect(comment.length).toBeLessThan(300);
  });
});

describe("an outbound report", () => {
  it.each([
    ["Only {1} left", ["3"], "Only 3 left"],
    ["No {1}", ["{2}", "tea"], "No {1}"],
  ])("has its arguments in the comment and beside it: %s %j", (comment, args, expected) => {
    const about = createMessage({ type: ECHO, from: ALICE, id: "m1" });
    const problem = new ProblemReportError("e.p", comment, args);
    const report = createReport(about, "did:example:bob", problem);
    expect(report?.body).toEqual({ code: "e.p", comment: expected, args });
    expect(report && readReport(report).comment).toBe(problem.comment);
  });

  it("is cut to size", () => {
    const about = createMessage({ type: ECHO, from: ALICE, id: "m1" });
    const problem = new ProblemReportError(
      "e.p",
      "c".repeat(99_999),
      Array.from({ length: 99 }, () => "a".repeat(9999)),
    );
    const body = createReport(about, "did:example:bob", problem)?.body;
    expect(body?.["comment"]).toHaveLength(1024);
    expect(body?.["args"]).toEqual(Array.from({ length: 16 }, () => "a".repeat(256)));
  });
});

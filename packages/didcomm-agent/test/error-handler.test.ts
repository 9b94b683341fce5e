import { NodeTransportError } from "@parley/core";
import { describe, expect, it, onTestFinished, vi } from "vitest";

import { Client, ErrorKind, logErrors, type ErrorHandler, type SDKError } from "../src/index.ts";
import { errorReporter } from "../src/error-handler.ts";
import { ECHO, FakeTransport, plaintext, settled } from "./support.ts";

describe("the error handler", () => {
  it.each<[string, ErrorHandler]>([
    [
      "throws",
      () => {
        throw new Error("broken");
      },
    ],
    ["rejects", () => Promise.reject(new Error("broken"))],
  ])("can't break the client when it %s", async (_name, onError) => {
    const transport = new FakeTransport();
    const client = new Client({ transport }, onError);
    let handled = 0;
    client.handle(ECHO, () => {
      handled++;
      throw new Error("broken too");
    });
    await client.connect();
    transport.connection.deliver(7);
    transport.connection.deliver(plaintext());
    transport.connection.deliver(plaintext());
    await settled();
    expect(handled).toBe(2);
    await client.close();
  });
});

describe("an error handler that reports nothing", () => {
  // One text raises one warning per process, so each row has a text of its own.
  it.each<[string, ErrorHandler, RegExp]>([
    ["returns a function", async () => logErrors, /returned a function.*logErrors\(\)/],
    ["throws", (error) => logErrors(error as never), /failed.*logErrors takes a function/],
    ["rejects", () => Promise.reject(new Error("no log")), /failed.*no log/],
  ])("raises a process warning when it %s", async (_name, onError, text) => {
    const emitWarning = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    onTestFinished(() => emitWarning.mockRestore());
    errorReporter(onError)(ErrorKind.NO_HANDLER, new Error("unhandled"));
    await settled();
    expect(emitWarning.mock.calls.map(([warning]) => warning)).toEqual([expect.stringMatching(text)]);
  });
});

describe("logErrors", () => {
  const error: SDKError = {
    kind: ErrorKind.PARSE_FAILURE,
    cause: new NodeTransportError("frame_invalid", "not\nJSON"),
    messageId: "m1\r\nforged",
    type: ECHO,
    from: "did:example:alice",
    raw: { body: "secret" },
    timestamp: new Date(),
  };

  it("writes one line, without control characters or what arrived", () => {
    const lines: string[] = [];
    void logErrors((line) => lines.push(line))(error);
    expect(lines).toEqual([`[parley] parse_failure id=m1 forged type=${ECHO} from=did:example:alice: NodeTransportError: not JSON`]);
  });

  it.each<[unknown, RegExp]>([
    [{ code: 5 }, /: ParleyError: an object was thrown: { code: 5 }$/],
    [undefined, /: ParleyError: undefined was thrown$/],
    ["no tea", /: ParleyError: no tea$/],
    [
      new TypeError("fetch failed", { cause: new Error("connect ECONNREFUSED") }),
      /: TypeError: fetch failed \(connect ECONNREFUSED\) at \S+error-handler\.test\.ts:\d+:\d+$/,
    ],
    [new RangeError(), /: RangeError: RangeError without a message at \S+$/],
  ])("logs the error that a handler threw, with reason and place: %s", (thrown, expected) => {
    const lines: string[] = [];
    errorReporter(logErrors((line) => lines.push(line)))(ErrorKind.HANDLER_EXCEPTION, thrown);
    expect(lines).toEqual([expect.stringMatching(expected)]);
  });

  it("names the line of the application where the platform threw", () => {
    const lines: string[] = [];
    const report = errorReporter(logErrors((line) => lines.push(line)));
    try {
      expect(new URL("nowhere")).toBeUndefined();
    } catch (error) {
      report(ErrorKind.HANDLER_EXCEPTION, error);
    }
    expect(lines).toEqual([expect.stringMatching(/TypeError: Invalid URL at \S+error-handler\.test\.ts:\d+:\d+$/)]);
  });

  it("leaves out what was refused on purpose", () => {
    const lines: string[] = [];
    void logErrors((line) => lines.push(line))({ ...error, kind: ErrorKind.REFUSED });
    expect(lines).toEqual([]);
  });

  it("writes to stderr by default, and bounds the line", () => {
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    void logErrors()({ kind: ErrorKind.NO_HANDLER, cause: new Error("x".repeat(9999)), timestamp: new Date() });
    expect(log).toHaveBeenCalledOnce();
    expect(log.mock.calls[0]?.[0]).toHaveLength(1000);
    log.mockRestore();
  });
});

import { TransportError } from "@parley/core";
import { describe, expect, it, vi } from "vitest";

import { Client, ErrorKind, logErrors, type ErrorHandler, type SDKError } from "../src/index.ts";
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

describe("logErrors", () => {
  const error: SDKError = {
    kind: ErrorKind.PARSE_FAILURE,
    cause: new TransportError("frame_invalid", "not\nJSON"),
    messageId: "m1\r\nforged",
    type: ECHO,
    from: "did:example:alice",
    raw: { body: "secret" },
    timestamp: new Date(),
  };

  it("writes one line, without control characters or what arrived", () => {
    const lines: string[] = [];
    void logErrors((line) => lines.push(line))(error);
    expect(lines).toEqual([`[parley] parse_failure id=m1 forged type=${ECHO} from=did:example:alice: TransportError: not JSON`]);
  });

  it("writes to stderr by default, and bounds the line", () => {
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    void logErrors()({ kind: ErrorKind.NO_HANDLER, cause: new Error("x".repeat(9999)), timestamp: new Date() });
    expect(log).toHaveBeenCalledOnce();
    expect(log.mock.calls[0]?.[0]).toHaveLength(1000);
    log.mockRestore();
  });
});

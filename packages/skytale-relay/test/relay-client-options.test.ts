import { describe, expect, it } from "vitest";
import { RelayClient, type RelayClientOptions } from "../src/index.ts";

const OPTIONS: RelayClientOptions = { url: "http://127.0.0.1:1", token: () => "token" };

describe("options of a relay client", () => {
  it("must be an object without unknown members", () => {
    for (const nothing of [undefined, null, "http://127.0.0.1:1"]) {
      expect(() => new RelayClient(nothing as never)).toThrow("RelayClient needs an options object with url and token");
    }
    expect(() => new RelayClient({ ...OPTIONS, tokn: 1 } as RelayClientOptions)).toThrow('Did you mean "token"?');
    expect(() => new RelayClient({ ...OPTIONS, limits: { pingAfter: 5 } } as RelayClientOptions)).toThrow('"limits.pingAfter"');
  });

  it("are checked by every call", async () => {
    await using client = new RelayClient(OPTIONS);
    const wrong = { timeout: 5 } as object;
    const message = { kind: "application", epoch: 1n, payload: new Uint8Array([1]) } as const;
    for (const call of [
      () => client.connect(wrong),
      () => client.publish("a/b/c", message, wrong),
      () => client.publishWelcome("a/b/c", { recipients: [new Uint8Array([1])], payload: new Uint8Array([1]) }, wrong),
      () => client.fetchRange("a/b/c", { from: 1, ...wrong }),
      () => client.heads(["a/b/c"], wrong),
      () => client.fetchWelcomes("a/b/c", [], wrong),
      () => client.ackWelcomes("a/b/c", [], wrong),
      async () => client.subscribe("a/b/c", { from: 1, ...wrong }),
    ]) {
      await expect(call()).rejects.toThrow('Unknown option "timeout"');
    }
    expect(() => client.subscribe("a/b/c", undefined as never)).toThrow('subscribe needs options with "from"');
  });
});

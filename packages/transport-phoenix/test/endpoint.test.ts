import type { LookupAddress } from "node:dns";
import { describe, expect, it } from "vitest";
import { Endpoint } from "../src/endpoint.ts";

const urlOf = (nodeUrl: string) => new Endpoint(nodeUrl, "k", "header").target().url;

describe("Endpoint", () => {
  it.each([
    ["wss://node.example/plugin_socket/websocket", "wss://node.example/plugin_socket/websocket?vsn=2.0.0"],
    ["https://node.example/plugin_socket/websocket", "wss://node.example/plugin_socket/websocket?vsn=2.0.0"],
    ["http://node.example:4000/plugin_socket/websocket", "ws://node.example:4000/plugin_socket/websocket?vsn=2.0.0"],
    ["HTTPS://Node.Example/socket", "wss://node.example/socket?vsn=2.0.0"],
    ["ws://node.example", "ws://node.example/plugin_socket/websocket?vsn=2.0.0"],
    ["https://node.example/", "wss://node.example/plugin_socket/websocket?vsn=2.0.0"],
    ["http://127.0.0.1:4000?a=1", "ws://127.0.0.1:4000/plugin_socket/websocket?a=1&vsn=2.0.0"],
    ["ws://node.example/custom/", "ws://node.example/custom/?vsn=2.0.0"],
    ["ws://node.example/s/websocket?a=1&b=%20+x&a=2", "ws://node.example/s/websocket?a=1&b=%20+x&a=2&vsn=2.0.0"],
    ["ws://node.example/s/websocket?vsn=1.0.0&a=1#top", "ws://node.example/s/websocket?a=1&vsn=2.0.0"],
    ["ws://user:pass@node.example/s", "ws://user:pass@node.example/s?vsn=2.0.0"],
    ["ws://[::1]:4000/s/websocket", "ws://[::1]:4000/s/websocket?vsn=2.0.0"],
  ])("takes %s as it is meant", (given, url) => {
    expect(urlOf(given)).toBe(url);
  });

  it.each(["", "node.example", "/plugin_socket/websocket", "ws://", "ftp://node.example", "file:///etc"])(
    "rejects %j with a TypeError that does not repeat it",
    (given) => {
      expect(() => urlOf(given)).toThrow(TypeError);
      expect(() => urlOf(`${given}?api_key=hunter2`)).toThrow(/^(?!.*hunter2)nodeUrl/u);
    },
  );

  it("reports a missing scheme", () => {
    const text = "nodeUrl must begin with wss:, ws:, https: or http:, not localhost:; write http:// before the host";
    expect(() => urlOf("localhost:4000")).toThrow(new TypeError(text));
  });

  it("keeps query and credentials out of its label", () => {
    expect(new Endpoint("wss://user:pass@node.example/s?token=t", "k", "query").label).toBe("wss://node.example/s");
  });

  it("escapes the key in the query", () => {
    expect(new Endpoint("ws://node.example/s", "a&b=c d", "query").target()).toEqual({
      url: "ws://node.example/s?api_key=a%26b%3Dc%20d&vsn=2.0.0",
      headers: {},
    });
  });

  it("falls back from header to query once, and starts over when that is rejected too", () => {
    const endpoint = new Endpoint("ws://node.example/s", "k", "header");
    expect(endpoint.fallBack()).toBe(true);
    expect(endpoint.target().headers).toEqual({});
    expect(endpoint.fallBack()).toBe(false);
    expect(endpoint.target().headers).toEqual({ "x-api-key": "k" });
    endpoint.accepted();
    expect(endpoint.fallBack()).toBe(false);
  });

  it.each(["localhost", "alice.localhost", "a.b.localhost", "localhost.", "LOCALHOST"])("resolves %s to loopback", async (host) => {
    const { lookup } = new Endpoint(`ws://${host}:4000/s`, "k", "header");
    const resolve = (options: { all?: boolean; family?: number }) =>
      new Promise<string | LookupAddress[]>((done) => lookup?.(host, options, (_error, address) => done(address)));
    expect(await resolve({})).toBe("127.0.0.1");
    expect(await resolve({ family: 6 })).toBe("::1");
    expect(await resolve({ all: true })).toEqual([
      { address: "127.0.0.1", family: 4 },
      { address: "::1", family: 6 },
    ]);
  });

  it.each(["localhost.example", "notlocalhost", "node.example", "127.0.0.1"])("leaves %s to the system", (host) => {
    expect(new Endpoint(`ws://${host}/s`, "k", "header").lookup).toBeUndefined();
  });
});

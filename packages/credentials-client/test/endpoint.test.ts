import { thrownBy } from "@parley/test-assertions";
import { describe, expect, it } from "vitest";
import { readEndpoint } from "../src/endpoint.ts";

describe("readEndpoint", () => {
  it.each([
    ["wss://node.example/plugin_socket/websocket", "https://node.example", ""],
    ["wss://node.example:8443/plugin_socket/websocket?api_key=secret", "https://node.example:8443", ""],
    ["ws://10.0.0.1:4000/plugin_socket/websocket/", "http://10.0.0.1:4000", ""],
    ["https://node.example", "https://node.example", ""],
    ["http://[::1]:4000/?x=1#y", "http://[::1]:4000", ""],
    ["wss://proxy.example/nodes/a/plugin_socket/websocket", "https://proxy.example", "/nodes/a"],
    ["HTTPS://Node.Example/nodes/a/", "https://node.example", "/nodes/a"],
  ])("finds the REST API of %s", (nodeUrl, origin, path) => {
    expect(readEndpoint(nodeUrl)).toEqual({ origin, path });
  });

  it("uses a name and password for basic authentication, as the WebSocket does", () => {
    expect(readEndpoint("wss://me:p%40ss@node.example").authorization).toBe(`Basic ${btoa("me:p@ss")}`);
  });

  it.each(["localhost", "alice-test.localhost", "a.b.LOCALHOST"])("resolves %s to loopback (RFC 6761)", async (host) => {
    const { lookup } = readEndpoint(`ws://${host}:4000/plugin_socket/websocket`);
    const address = await new Promise((resolve, reject) => {
      lookup?.(host, { all: false }, (error, found) => (error === null ? resolve(found) : reject(error)));
    });
    expect(address).toBe("127.0.0.1");
  });

  it("leaves similar names to the system's resolver", () => {
    expect(readEndpoint("wss://notlocalhost").lookup).toBeUndefined();
    expect(readEndpoint("wss://localhost.example").lookup).toBeUndefined();
  });

  it.each(["", "node.example", "ftp://secret@node.example", "wss://secret:%ff@node.example", "wss://"])(
    "rejects %j without repeating it",
    (nodeUrl) => {
      const error = thrownBy(() => readEndpoint(nodeUrl));
      expect(error).toBeInstanceOf(TypeError);
      expect((error as Error).message).not.toContain("secret");
    },
  );
});

import { expect, it } from "vitest";
import { parseEndpoint } from "../src/endpoint.ts";

it.each([
  ["https://relay.example:443", "relay.example:443", true],
  ["https://relay.example", "relay.example:5000", true],
  ["https://relay.example/", "relay.example:5000", true],
  ["grpcs://relay.example:7", "relay.example:7", true],
  ["http://relay.example:80", "relay.example:80", false],
  ["grpc://10.0.0.1:7", "10.0.0.1:7", false],
  ["relay.example:7", "relay.example:7", true],
  ["relay.example", "relay.example:5000", true],
  ["localhost", "localhost:5000", false],
  ["localhost:7", "localhost:7", false],
  ["node.localhost:7", "node.localhost:7", false],
  ["127.0.0.1:7", "127.0.0.1:7", false],
  ["[::1]:7", "[::1]:7", false],
  ["127.0.0.1.example:7", "127.0.0.1.example:7", true],
  ["localhost.example:7", "localhost.example:7", true],
  ["https://localhost:7", "localhost:7", true],
  [" http://relay.example:7\n", "relay.example:7", false],
])("parses %s as %s", (address, target, tls) => {
  expect(parseEndpoint(address)).toEqual({ target, tls });
});

it.each([
  "",
  "https://",
  "ftp://relay.example",
  "https://relay.example/path",
  "https://relay.example?x=1",
  "https://user:secret@relay.example",
  "relay.example:port",
  "relay.example:70000",
])("rejects %j", (address) => {
  expect(() => parseEndpoint(address)).toThrow(TypeError);
});

it.each(["https://relay.example/path", "https://relay.example:443/a/b?x=secret", "relay.example/path#x"])(
  "rejects an address with a path and names the address to use: %s",
  (address) => {
    const valid = address.replace(/(?<!\/)\/(?!\/).*$/, "");
    expect(() => parseEndpoint(address)).toThrow(`not have a path, query or fragment: use ${valid}, since`);
  },
);

it("rejects an address with a password without repeating it", () => {
  expect(() => parseEndpoint("https://user:secret@relay.example")).toThrow(
    expect.objectContaining({ message: expect.not.stringContaining("secret") }),
  );
});

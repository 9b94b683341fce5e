import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createNetworkStatusFetch, readResolution, type ResolutionOptions } from "../../src/network/resolution.ts";

const DEVELOPMENT = { allow: ["loopback"], httpForLoopback: true } as const;

let server: Server;
let answer: RequestListener;
let port: number;

beforeEach(async () => {
  answer = (_, response) => response.end("a.b.c");
  server = createServer((request, response) => answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  ({ port } = server.address() as AddressInfo);
});
afterEach(() => {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(resolve));
});

function get(url: string, options: ResolutionOptions = DEVELOPMENT, signal = new AbortController().signal): Promise<string> {
  return createNetworkStatusFetch(readResolution(options))(url, { signal, maxBytes: 100 });
}

describe("fetching a status list", () => {
  it("requests the whole URL from its host", async () => {
    const asked: unknown[] = [];
    answer = ({ method, url, headers }, response) => {
      asked.push([method, url, headers.host, headers["x-api-key"], headers.cookie]);
      response.end(" a.b.c\n");
    };
    expect(await get(`http://localhost:${port}/list?a=1&b=%20#part`)).toBe("a.b.c");
    expect(asked).toEqual([["GET", "/list?a=1&b=%20", `localhost:${port}`, undefined, undefined]]);
  });

  it("requests from the origin of the table of hosts, whatever addresses are allowed", async () => {
    const hosts = { "lists.example": `http://127.0.0.1:${port}` };
    let host: string | undefined;
    answer = ({ headers }, response) => {
      ({ host } = headers);
      response.end("x");
    };
    expect(await get("https://lists.example/1", { hosts })).toBe("x");
    expect(host).toBe("lists.example");
  });

  it("uses plain http for names below localhost that the table of hosts has, and for no others", async () => {
    const hosts = { "partner.localhost": `http://127.0.0.1:${port}`, "lists.example": `http://127.0.0.1:${port}` };
    expect(await get("http://partner.localhost/status-lists/1", { hosts })).toBe("a.b.c");
    await expect(get("http://lists.example/1", { hosts })).rejects.toMatchObject({
      message: "The status list has a URL that is not allowed: it must be https",
    });
    await expect(get("http://other.localhost/1", { hosts })).rejects.toMatchObject({
      message: "The status list has a URL that is not allowed here: http needs an entry of other.localhost in hosts, or httpForLoopback",
      retryable: false,
    });
  });

  it.each([
    ["no URL", "list"],
    ["another scheme", "ftp://localhost/list"],
    ["a file", "file:///etc/passwd"],
    ["data", "data:text/plain,x"],
    ["plain http elsewhere", "http://lists.example/1"],
    ["plain http to an address", "http://127.0.0.1/1"],
    ["plain http to what looks like localhost", "http://localhost.example/1"],
    ["a user", "https://user@lists.example/1"],
    ["a user and password", "https://user:secret@lists.example/1"],
  ])("refuses %s", async (_, url) => {
    await expect(get(url)).rejects.toMatchObject({ code: "status_unavailable", retryable: false });
  });

  it.each([
    ["loopback by name", "https://localhost/1"],
    ["loopback by address", "https://127.0.0.1/1"],
    ["loopback in other notations", "https://0x7f.1/1"],
    ["loopback in IPv6", "https://[::1]/1"],
    ["loopback mapped into IPv6", "https://[::ffff:127.0.0.1]/1"],
    ["a private network", "https://10.0.0.1/1"],
    ["a cloud's metadata", "https://169.254.169.254/latest/meta-data"],
  ])("refuses %s where nothing is allowed", async (_, url) => {
    await expect(get(url, {})).rejects.toMatchObject({ code: "refused_address", retryable: false });
  });

  it("rejects plain http on loopback unless it is allowed", async () => {
    await expect(get(`http://localhost:${port}/1`, { allow: ["loopback"] })).rejects.toMatchObject({ code: "status_unavailable" });
  });

  it.each([301, 302, 307, 308])("follows no redirect: %i", async (status) => {
    answer = ({ url }, response) => {
      if (url === "/elsewhere") throw new Error("it was followed");
      response.writeHead(status, { location: "/elsewhere" }).end();
    };
    await expect(get(`http://localhost:${port}/1`)).rejects.toMatchObject({ code: "status_unavailable", retryable: false });
  });

  it.each([
    [404, false],
    [204, false],
    [500, true],
    [503, true],
  ])("says whether to ask again after %i", async (status, retryable) => {
    answer = (_, response) => response.writeHead(status).end();
    await expect(get(`http://localhost:${port}/1`)).rejects.toMatchObject({ code: "status_unavailable", retryable });
  });

  it("reads no further than the size limit, also of an endless response", async () => {
    answer = (_, response) => {
      const more = (): void => {
        if (!response.destroyed) response.write("x".repeat(50), () => setImmediate(more));
      };
      more();
    };
    await expect(get(`http://localhost:${port}/1`)).rejects.toMatchObject({ code: "status_unavailable", retryable: false });
  });

  it("times out if a host is silent or too slow", async () => {
    answer = () => {};
    await expect(get(`http://localhost:${port}/1`, { ...DEVELOPMENT, timeoutMs: 50 })).rejects.toMatchObject({ retryable: true });
    answer = (_, response) => void response.write("x");
    await expect(get(`http://localhost:${port}/1`, { ...DEVELOPMENT, timeoutMs: 50 })).rejects.toMatchObject({ retryable: true });
  });

  it("rejects with the reason of its signal", async () => {
    const abort = new AbortController();
    answer = () => abort.abort(new Error("enough"));
    await expect(get(`http://localhost:${port}/1`, DEVELOPMENT, abort.signal)).rejects.toThrow("enough");
  });

  it("rejects a response that is not UTF-8", async () => {
    answer = (_, response) => response.end(Buffer.from([0xff, 0xfe]));
    await expect(get(`http://localhost:${port}/1`)).rejects.toMatchObject({ code: "status_unavailable" });
  });
});

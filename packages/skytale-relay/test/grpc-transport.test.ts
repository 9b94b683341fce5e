import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { deferred } from "@parley/core/internal";
import { describe, expect, it } from "vitest";
import { RelayClient } from "../src/index.ts";

const TOKEN = "header.claims.signature";

/** Returns the error of a client's link, and the error of a call. */
async function failuresAt(url: string, limits = {}): Promise<{ link: Error; call: Error }> {
  const lost = deferred<Error>();
  await using client = new RelayClient({
    url,
    token: () => TOKEN,
    limits,
    events: { onDisconnected: (error) => lost.resolve(error) },
  });
  const connecting = client.connect().catch(() => undefined);
  const link = await lost.promise;
  const call = await client.heads(["acme/team/general"]).catch((error: unknown) => error);
  await client.close();
  await connecting;
  if (!(call instanceof Error)) throw new Error("The call succeeded");
  return { link, call };
}

describe("an unreachable relay", () => {
  it("is reported with its address and the reason, for a port without a listener", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, "close");
    const expected = {
      code: "unavailable",
      message: expect.stringContaining(
        `The relay at 127.0.0.1:${port} can't be reached: connect ECONNREFUSED 127.0.0.1:${port}. Is a relay running?`,
      ) as string,
      cause: expect.any(Error),
    };
    const { link, call } = await failuresAt(`http://127.0.0.1:${port}`);
    expect(link).toMatchObject(expected);
    expect(call).toMatchObject(expected);
  });

  it("is reported if another server responds", async () => {
    const server = createHttpServer((_, response) => response.end("hello")).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    try {
      const { link, call } = await failuresAt(`http://127.0.0.1:${port}`);
      for (const error of [link, call]) {
        expect(error).toMatchObject({ code: "unavailable" });
        expect(error.message).toMatch(`The relay at 127.0.0.1:${port} can't be reached: the server is not a relay`);
      }
      const tls = await failuresAt(`https://localhost:${port}`);
      expect(tls.link.message).toMatch(`The relay at localhost:${port} can't be reached: the server does not use TLS`);
    } finally {
      server.close();
      server.closeAllConnections();
    }
  });

  it("is reported as a timeout if nothing responds", async () => {
    const server = createServer((socket) => socket.on("error", () => undefined)).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const { link } = await failuresAt(`http://127.0.0.1:${port}`, { openTimeoutMs: 50, callTimeoutMs: 50 });
    expect(link).toMatchObject({ code: "timeout", message: `The relay at 127.0.0.1:${port} did not answer in time` });
    server.close();
  });
});

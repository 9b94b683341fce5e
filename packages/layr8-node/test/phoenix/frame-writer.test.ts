import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { FrameWriter } from "../../src/phoenix/frame-writer.ts";

/** Everything that `write` leads to, as a WebSocket client reads it over a real socket, and the number of writes that it took. */
async function written(write: (writer: FrameWriter) => void, link = { isOpen: true }): Promise<{ texts: string[]; chunks: number }> {
  const http = createServer().listen(0, "127.0.0.1");
  await once(http, "listening");
  const wss = new WebSocketServer({ noServer: true });
  let chunks = 0;
  http.on("upgrade", (request, stream: Duplex, head: Buffer) => {
    wss.handleUpgrade(request, stream, head, (ws) => {
      const writes = vi.spyOn(stream, "write");
      const writer = new FrameWriter(stream, link);
      write(writer);
      setImmediate(() => {
        writer.flush();
        chunks = writes.mock.calls.length;
        ws.close();
      });
    });
  });
  const texts: string[] = [];
  const client = new WebSocket(`ws://127.0.0.1:${(http.address() as AddressInfo).port}`);
  client.on("message", (data, isBinary) => texts.push(isBinary ? "binary" : (data as Buffer).toString()));
  const [code] = (await once(client, "close")) as [number];
  http.close();
  expect(code).toBe(1005);
  return { texts, chunks };
}

describe("FrameWriter", () => {
  it.each([0, 1, 125, 126, 65_535, 65_536, 200_000])("writes a text of %i characters as one frame", async (length) => {
    const text = "x".repeat(length);
    expect((await written((writer) => writer.write(text))).texts).toEqual([text]);
  });

  it("writes all texts unchanged and in order", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.string({ unit: "grapheme", maxLength: 200 }), { maxLength: 50 }), async (texts) => {
        expect((await written((writer) => texts.forEach((text) => writer.write(text)))).texts).toEqual(texts);
      }),
      { numRuns: 50 },
    );
  });

  it("writes the texts of one turn in one chunk, and many in several", async () => {
    const few = await written((writer) => ["a", "b", "c"].forEach((text) => writer.write(text)));
    expect(few).toEqual({ texts: ["a", "b", "c"], chunks: 1 });
    const many = await written((writer) => Array.from({ length: 100 }, (_, n) => `${n}`).forEach((text) => writer.write(text)));
    expect(many.texts).toHaveLength(100);
    expect(many.chunks).toBe(4);
  });

  it("writes nothing after the close frame", async () => {
    const link = { isOpen: true };
    const { texts } = await written((writer) => {
      writer.write("in time");
      writer.flush();
      writer.write("late");
      link.isOpen = false;
    }, link);
    expect(texts).toEqual(["in time"]);
  });
});

import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { afterEach, describe, expect, it } from "vitest";
import { startNode } from "../../src/node.ts";
import type { Layr8Node } from "../../src/layr8-node.ts";
import type { NodeOptions } from "../../src/options.ts";
import { RawAgent } from "../raw-agent.ts";

let node: Layr8Node;
const sockets: Socket[] = [];
const agents: RawAgent[] = [];

async function start(options: NodeOptions): Promise<void> {
  node = await startNode({ port: 0, logger: false, host: "0.0.0.0", ...options });
}

/** A connection from one of this machine's addresses. */
async function open(localAddress = "127.0.0.1"): Promise<Socket> {
  const socket = connect({ port: node.port, host: "127.0.0.1", localAddress }).on("error", () => {});
  sockets.push(socket);
  await once(socket, "connect");
  return socket;
}

async function health(from?: string): Promise<string> {
  const socket = await open(from);
  socket.end("GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
  return text(socket);
}

async function joins(): Promise<boolean> {
  agents.push(await RawAgent.join({ ...node, url: `ws://127.0.0.1:${node.port}/plugin_socket/websocket` }, {}));
  return true;
}

function post(length: number): string {
  return `POST /didcomm HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n`;
}

afterEach(async () => {
  for (const agent of agents.splice(0)) agent.close();
  for (const socket of sockets.splice(0)) socket.destroy();
  await node.close();
});

describe("connections without an API key", () => {
  it("an agent connects while one address holds as many silent and kept-alive connections as it gets", async () => {
    await start({ limits: { maxConnections: 100 } });
    const held = await Promise.all(Array.from({ length: 150 }, () => open("127.0.0.2")));
    for (const socket of held) socket.write("GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n");
    expect(await joins()).toBe(true);
    expect(await health()).toContain("200 OK");
  });

  it("an agent connects while its own address holds as many silent connections as it gets", async () => {
    await start({ limits: { maxConnections: 100 } });
    await Promise.all(Array.from({ length: 150 }, () => open()));
    expect(await joins()).toBe(true);
  });

  it("an agent connects while many addresses together hold all connections", async () => {
    await start({ limits: { maxConnections: 40 } });
    for (let address = 2; address < 32; address += 1) await Promise.all([open(`127.0.0.${address}`), open(`127.0.0.${address}`)]);
    expect(await joins()).toBe(true);
  });

  it("those with a pending request are not dropped for new ones", async () => {
    await start({ limits: { maxConnections: 64 } });
    const busy = await open();
    busy.write(post(100).replace("\r\n\r\n", "\r\nexpect: 100-continue\r\n\r\n"));
    await once(busy, "readable");
    await Promise.all(Array.from({ length: 10 }, () => open()));
    busy.end("x".repeat(100));
    expect(await text(busy)).toContain("400 Bad Request");
  });

  it("agents keep their connections when other clients connect", async () => {
    await start({ limits: { maxConnections: 8 } });
    await joins();
    await Promise.all(Array.from({ length: 30 }, () => open()));
    expect(await agents[0]?.client.push("phoenix", "heartbeat", {})).toEqual({ status: "ok", response: {} });
  });
});

describe("bodies", () => {
  it("take no room before they arrive: other addresses post while one announces more than there is", async () => {
    await start({ limits: { maxInboundBytes: 8 * 1024 * 1024 } });
    for (let address = 2; address < 10; address += 1) {
      const sender = await Promise.all(Array.from({ length: 4 }, () => open(`127.0.0.${address}`)));
      for (const socket of sender) socket.write(`${post(4 * 1024 * 1024)}{`);
    }
    const other = await open();
    other.end(`${post(2)}{}`);
    expect(await text(other)).toContain("400 Bad Request");
  });

  it("are rejected with 503 if an address has used up its share, while others have room", async () => {
    const share = 1024 * 1024;
    await start({ limits: { maxInboundBytes: 8 * share, maxEnvelopeBytes: share } });
    const greedy = await open("127.0.0.2");
    greedy.write(`${post(share)}${"x".repeat(share - 1)}`);
    const more = await open("127.0.0.2");
    more.write(`${post(share)}${"x".repeat(share / 2)}`);
    // Either of them may be the one that goes beyond the share.
    expect(await Promise.race([text(greedy), text(more)])).toContain("503 Service Unavailable");
    const other = await open();
    other.end(`${post(2)}{}`);
    expect(await text(other)).toContain("400 Bad Request");
  });

  it("in many small pieces count for more than their bytes", async () => {
    const share = 1024 * 1024;
    await start({ limits: { maxInboundBytes: 8 * share, maxEnvelopeBytes: share } });
    const chunked = post(0).replace("content-length: 0", "transfer-encoding: chunked");
    const pieces = await open();
    pieces.write(`${chunked}${"1\r\nx\r\n".repeat(4096)}0\r\n\r\n`);
    expect(await text(pieces)).toContain("503 Service Unavailable");
    const whole = await open();
    whole.end(`${chunked.replace("content-type", "connection: close\r\ncontent-type")}1000\r\n${"x".repeat(4096)}\r\n0\r\n\r\n`);
    expect(await text(whole)).toContain("400 Bad Request");
  });

  it("that arrive too slowly are aborted", async () => {
    await start({});
    const slow = await open();
    slow.write(`${post(1000)}{`);
    expect(await text(slow)).toContain("408 Request Timeout");
  });

  it("of requests that need none are discarded", async () => {
    await start({});
    const socket = await open();
    socket.end(
      `POST /nowhere HTTP/1.1\r\nhost: localhost\r\ncontent-type: text/plain\r\ncontent-length: 5000000\r\n\r\n${"x".repeat(5_000_000)}`,
    );
    expect(await text(socket)).toContain("404 Not Found");
  });
});

import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { Connections, peerOf } from "../src/connections/connections.ts";
import { OwnerShares } from "../src/connections/owner-shares.ts";

const sockets: Socket[] = [];
const servers: Server[] = [];

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) server.close();
});

/** Opens a connection from an address of the loopback network. */
async function open(port: number, localAddress = "127.0.0.1"): Promise<Socket> {
  const socket = connect({ port, host: "127.0.0.1", localAddress });
  sockets.push(socket);
  socket.on("error", () => undefined);
  socket.resume();
  await once(socket, "connect");
  return socket;
}

const isOpen = (socket: Socket): boolean => !socket.destroyed && !socket.readableEnded;

describe("connections", () => {
  let time = 0;

  async function listen(max: number): Promise<{ connections: Connections; port: number; accepted: Socket[] }> {
    time = 0;
    const accepted: Socket[] = [];
    const server = createServer((socket) => void accepted.push(socket.on("error", () => undefined)));
    servers.push(server);
    const connections = new Connections({ max, now: () => time });
    connections.attach(server);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return { connections, port: (server.address() as AddressInfo).port, accepted };
  }

  it("of one address replace its own silent connections, and leave room for other addresses", async () => {
    const { connections, port } = await listen(40);
    const silent: Socket[] = [];
    for (let number = 0; number < 60; number++) silent.push(await open(port));
    await expect.poll(() => silent.filter(isOpen).length).toBe(10);
    expect(silent.slice(-10).every(isOpen)).toBe(true);
    const other = await open(port, "127.0.0.2");
    await expect.poll(() => connections.size).toBe(11);
    expect(isOpen(other)).toBe(true);
  });

  it("of the address with the most connections make room for an address without one", async () => {
    const { connections, port } = await listen(8);
    for (let address = 2; address < 12; address++) for (let number = 0; number < 2; number++) await open(port, `127.0.0.${address}`);
    await expect.poll(() => connections.size).toBeLessThanOrEqual(8);
    const newcomer = await open(port, "127.0.0.99");
    await expect.poll(() => connections.size).toBeLessThanOrEqual(8);
    expect(isOpen(newcomer)).toBe(true);
  });

  it("that stay silent are dropped after 10 seconds, those without a token or stream after 30, others never", async () => {
    const { connections, port, accepted } = await listen(100);
    const [silent, heard, streaming, identified] = [await open(port), await open(port), await open(port), await open(port)];
    await expect.poll(() => accepted.length).toBe(4);
    const peers = accepted.map(peerOf);
    const of = (socket: Socket): string => peers.find((peer) => peer.endsWith(`:${socket.localPort}`)) ?? "";
    connections.heard(of(heard));
    const ended = connections.began(of(streaming));
    connections.heard(of(identified));
    connections.identified(of(identified), "alice");
    time = 9999;
    connections.sweep();
    expect(connections.size).toBe(4);
    time = 10_000;
    connections.sweep();
    await expect.poll(() => isOpen(silent)).toBe(false);
    time = 30_000;
    connections.sweep();
    await expect.poll(() => isOpen(heard)).toBe(false);
    expect([streaming, identified].map(isOpen)).toEqual([true, true]);
    ended();
    connections.sweep();
    await expect.poll(() => isOpen(streaming)).toBe(false);
    expect(isOpen(identified)).toBe(true);
  });

  it("of an address whose connections are all busy replace an idle one of an address with more", async () => {
    const { connections, port, accepted } = await listen(16);
    const begin = (socket: Socket): void =>
      void connections.began(peerOf(accepted.find(({ remotePort }) => remotePort === socket.localPort) ?? socket));
    const idle: Socket[] = [];
    for (const address of ["127.0.0.2", "127.0.0.3", "127.0.0.4"]) {
      for (let number = 0; number < 4; number++) idle.push(await open(port, address));
    }
    const busy = [await open(port), await open(port)];
    await expect.poll(() => accepted.length).toBe(14);
    busy.forEach(begin);
    busy.push(await open(port));
    await expect.poll(() => idle.filter(isOpen).length).toBe(11);
    expect(busy.map(isOpen)).toEqual([true, true, true]);
    expect(connections.size).toBe(14);
  });

  it("from one client port to several addresses of the server all count, and are distinguished by their sockets", async () => {
    const accepted: Socket[] = [];
    const server = createServer((socket) => void accepted.push(socket.on("error", () => undefined)));
    servers.push(server);
    const connections = new Connections({ max: 16 });
    connections.attach(server);
    server.listen(0, "0.0.0.0");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const first = await open(port, "127.0.0.3");
    const second = connect({ port, host: "127.0.0.2", localAddress: "127.0.0.3", localPort: first.localPort ?? 0 });
    sockets.push(second);
    await expect.poll(() => accepted.length).toBe(2);
    expect(connections.size).toBe(2);
    const [one, two] = accepted;
    if (one === undefined || two === undefined) throw new Error("Two connections were accepted");
    expect(peerOf(one)).toBe(peerOf(two));
    second.destroy();
    await expect.poll(() => connections.size).toBe(1);
    connections.release(one);
    expect(connections.size).toBe(0);
  });

  it("that were released no longer count, and are not dropped", async () => {
    const { connections, port, accepted } = await listen(8);
    const released = await open(port);
    await expect.poll(() => accepted.length).toBe(1);
    accepted.forEach((socket) => connections.release(peerOf(socket)));
    expect(connections.size).toBe(0);
    for (let number = 0; number < 4; number++) await open(port);
    await expect.poll(() => accepted.length).toBe(5);
    expect(isOpen(released)).toBe(true);
  });
});

describe("shares of owners", () => {
  const limits = { total: 16, perOwner: 4, reserved: 2 };

  function filled(...held: readonly (readonly [owner: string, connections: number])[]): OwnerShares<string> {
    const shares = new OwnerShares<string>(limits);
    for (const [owner, count] of held) {
      for (let number = 1; number <= count; number++) {
        shares.add(owner);
        shares.setIdle(owner, `${owner}${number}`, true);
      }
    }
    return shares;
  }

  it("reserve a part for owners without a connection", () => {
    const shares = filled(["a", 4], ["b", 4], ["c", 4], ["d", 2]);
    expect([shares.hasRoom("d"), shares.hasRoom("e")]).toEqual([false, true]);
  });

  it("replace the longest idle connection of the largest owner, for an owner without a connection", () => {
    const shares = filled(["a", 3], ["b", 4], ["c", 3], ["d", 3], ["e", 3]);
    expect(shares.toReplace("f")).toBe("b1");
    shares.remove("b", "b1");
    expect(shares.toReplace("b")).toBe("b2");
  });

  it("replace a connection of the same owner if it has reached its limit, or no other owner has at least two more", () => {
    const shares = filled(["a", 4], ["b", 3], ["c", 4], ["d", 3]);
    expect([shares.toReplace("a"), shares.toReplace("b")]).toEqual(["a1", "b1"]);
    shares.setIdle("b", "b1", false);
    expect(shares.toReplace("b")).toBe("b2");
  });

  it("replace nothing if only busy connections could make room", () => {
    const shares = filled(["a", 1], ["b", 1]);
    for (const owner of ["a", "b"]) shares.setIdle(owner, `${owner}1`, false);
    expect(shares.toReplace("c")).toBeUndefined();
    shares.setIdle("a", "a1", true);
    expect(shares.toReplace("c")).toBe("a1");
    expect(shares.toReplace("b")).toBeUndefined();
  });

  it("select a connection among 100,000 owners as fast as among a few", () => {
    const shares = new OwnerShares<string>({ total: 200_000, perOwner: 4, reserved: 2 });
    for (let number = 0; number < 100_000; number++) {
      const owner = `owner ${number}`;
      shares.add(owner);
      shares.setIdle(owner, owner, true);
    }
    // A search through all owners would take minutes.
    for (let number = 0; number < 100_000; number++) shares.toReplace("newcomer");
    expect(shares.toReplace("newcomer")).toBe("owner 0");
  });
});

describe("a request that is answered before its body has arrived", () => {
  it("loses its connection, however long it goes on sending", async () => {
    const server = createHttpServer((_request, response) => response.writeHead(413).end());
    servers.push(server);
    new Connections({ max: 10 }).attachHttp(server);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const socket = await open((server.address() as AddressInfo).port);
    const closed = new Promise<void>((resolve) => void socket.once("close", resolve));
    socket.write("POST / HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n");
    const sending = setInterval(() => socket.writable && socket.write("4\r\nmore\r\n"), 10);
    await closed.finally(() => clearInterval(sending));
    expect(server.listening).toBe(true);
  });

  it("keeps its connection if the body ends soon after", async () => {
    const server = createHttpServer((_request, response) => response.writeHead(401).end());
    servers.push(server);
    new Connections({ max: 10 }).attachHttp(server);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const socket = await open((server.address() as AddressInfo).port);
    const request = "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4\r\n\r\n";
    let answers = 0;
    socket.on("data", (data: Buffer) => (answers += data.toString().split("401 Unauthorized").length - 1));
    socket.write(request);
    await expect.poll(() => answers).toBe(1);
    socket.write(`body${request}body`);
    await expect.poll(() => answers).toBe(2);
  });
});

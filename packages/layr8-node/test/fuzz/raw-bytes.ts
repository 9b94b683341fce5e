import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import { pick, type Random } from "./junk.ts";

/** An upgrade request; `lines` replace the header lines of the same name or are added. */
function upgrade(
  apiKey: string,
  lines: Readonly<Record<string, string | undefined>> = {},
  start = "GET /plugin_socket/websocket?vsn=2.0.0 HTTP/1.1",
): string {
  const headers: Record<string, string | undefined> = {
    host: "127.0.0.1",
    upgrade: "websocket",
    connection: "Upgrade",
    "sec-websocket-key": randomBytes(16).toString("base64"),
    "sec-websocket-version": "13",
    "x-api-key": apiKey,
    ...lines,
  };
  const written = Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : `${name}: ${value}\r\n`));
  return `${start}\r\n${written.join("")}\r\n`;
}

/** What breaks HTTP or the WebSocket handshake. */
function brokenUpgrade(apiKey: string, random: Random): Buffer | string {
  const whole = upgrade(apiKey);
  return pick(random, [
    randomBytes(1 + random(2000)),
    whole.slice(0, random(whole.length)),
    upgrade(apiKey, { "sec-websocket-key": undefined }),
    upgrade(apiKey, { "sec-websocket-key": "short" }),
    upgrade(apiKey, { "sec-websocket-version": "7" }),
    upgrade(apiKey, { upgrade: "h2c" }),
    upgrade(apiKey, { "sec-websocket-protocol": "phoenix, phoenix" }),
    upgrade(apiKey, { "sec-websocket-extensions": "permessage-deflate; server_max_window_bits=99" }),
    upgrade(apiKey, { "content-length": "100" }),
    upgrade(apiKey, { "x-filler": "y".repeat(20_000) }),
    upgrade(apiKey, { "x-api-key": undefined }),
    upgrade(apiKey, {}, "POST /plugin_socket/websocket HTTP/1.1"),
    upgrade(apiKey, {}, "GET //%00/../plugin_socket/websocket HTTP/1.1"),
    upgrade(apiKey, {}, "GET http://[::bad/ HTTP/1.1"),
    upgrade(apiKey, {}, `GET /plugin_socket/websocket?api_key=${"%ff".repeat(2000)} HTTP/1.1`),
    upgrade(apiKey, {}, "GET /.well-known/did.json HTTP/1.1"),
    "GET /%2e%2e/%2e%2e/did.json HTTP/1.1\r\nhost: localhost\r\n\r\n",
    `GET /did.json HTTP/1.1\r\nhost: ${"a.".repeat(3000)}\r\n\r\n`,
  ]);
}

/** What breaks the framing after a good handshake. */
function brokenFrames(random: Random): Buffer {
  return pick(random, [
    randomBytes(1 + random(500)),
    // Not masked.
    Buffer.from([0x81, 0x02, 0x7b, 0x7d]),
    // Reserved bits and opcodes.
    Buffer.from([0xf1, 0x80, 0, 0, 0, 0]),
    Buffer.from([0x83, 0x80, 0, 0, 0, 0]),
    // A length that exceeds any memory.
    Buffer.from([0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]),
    // A length that is allowed and never comes.
    Buffer.from([0x81, 0xff, 0, 0, 0, 0, 0, 0x0f, 0xff, 0xff, 0, 0, 0, 0, 0x5b]),
    // Control frames that are fragmented, or too long.
    Buffer.from([0x09, 0x80, 0, 0, 0, 0]),
    Buffer.concat([Buffer.from([0x89, 0xfe, 0x01, 0x00, 0, 0, 0, 0]), Buffer.alloc(256)]),
    // A continuation of nothing, and a message that begins within another.
    Buffer.from([0x80, 0x80, 0, 0, 0, 0]),
    Buffer.from([0x01, 0x81, 0, 0, 0, 0, 0x5b, 0x01, 0x81, 0, 0, 0, 0, 0x5b]),
    // Text that is not UTF-8; closes with invalid codes.
    Buffer.from([0x81, 0x83, 0, 0, 0, 0, 0xc3, 0x28, 0xff]),
    Buffer.from([0x88, 0x81, 0, 0, 0, 0, 0x01]),
    Buffer.from([0x88, 0x82, 0, 0, 0, 0, 0x00, 0x05]),
    // Pongs to nothing.
    Buffer.concat(Array.from({ length: 500 }, () => Buffer.from([0x8a, 0x81, 0, 0, 0, 0, 0x31]))),
  ]);
}

/** Sends broken bytes over TCP, in pieces; answers everything that came back. The connection stays open until the server or `stop` ends it. */
export async function breakProtocol(port: number, apiKey: string, random: Random, stop: AbortSignal): Promise<string> {
  const socket = connect({ port, host: "127.0.0.1" });
  stop.addEventListener("abort", () => socket.destroy());
  let received = "";
  socket.on("data", (data) => (received += data.toString("latin1"))).on("error", () => {});
  const closed = new Promise((resolve) => socket.on("close", resolve));
  const bytes =
    random(2) === 0 ? Buffer.from(brokenUpgrade(apiKey, random)) : Buffer.concat([Buffer.from(upgrade(apiKey)), brokenFrames(random)]);
  const cut = random(bytes.length);
  socket.write(bytes.subarray(0, cut));
  socket.write(bytes.subarray(cut));
  const ending = random(4);
  if (ending < 2) socket.end();
  else if (ending === 2) socket.resetAndDestroy();
  await closed;
  return received;
}

// Attacks of one API key, or of a client without a key, on a node, within rights and limits.
import { generateKeyPairSync, randomUUID, type JsonWebKey } from "node:crypto";
import { request } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { pack, type OwnKey, type PeerKey } from "@parley/didcomm-crypto";
import { WebSocket } from "ws";
import { argument, serve } from "../worker.ts";
import { base58 } from "./base58.ts";
import { attackersAddress, openSilent } from "./sockets.ts";

const { attack, nodeUrl, httpUrl, key } = argument() as { attack: string; nodeUrl: string; httpUrl: string; key: string };
const DID = "did:web:localhost:attacker";
const QUERIES = "https://didcomm.org/discover-features/2.0/queries";
const FOREVER_MS = 2 ** 30;

/** A socket of the attacker's key, joined for some DIDs with some protocols each. */
async function join(names: readonly string[], protocols: readonly string[]): Promise<WebSocket> {
  const socket = new WebSocket(`${nodeUrl}?vsn=2.0.0`, { headers: { "x-api-key": key }, localAddress: attackersAddress(0) });
  socket.on("error", () => {});
  await new Promise((open) => socket.once("open", open).once("close", open));
  let ref = 0;
  for (const name of names) {
    const spec = { mode: "Create", storage: "persistent", type: "plugin" };
    push(socket, `${DID}:${name}`, "phx_join", { payload_types: protocols, did_spec: spec }, String(++ref));
  }
  await delay(500);
  return socket;
}

function push(socket: WebSocket, did: string, event: string, payload: object, joinRef = "1"): void {
  if (socket.readyState === WebSocket.OPEN)
    socket.send(JSON.stringify([joinRef, randomUUID().slice(0, 8), `plugins:${did}`, event, payload]));
}

/** A DID of a stranger, which anybody can make. */
function stranger(): OwnKey & { readonly did: string } {
  const encodings = { publicKeyEncoding: { format: "jwk" }, privateKeyEncoding: { format: "jwk" } };
  const { publicKey, privateKey } = generateKeyPairSync("x25519", encodings as never) as unknown as Record<string, JsonWebKey>;
  const name = `z${base58(Buffer.concat([Buffer.from([0xec, 0x01]), Buffer.from(publicKey?.x ?? "", "base64url")]))}`;
  return { did: `did:key:${name}`, kid: `did:key:${name}#${name}`, privateKey: privateKey as never };
}

/** By `Host`, the node tells DIDs apart. */
async function documentOf(name: string): Promise<{ keyAgreement: string[]; verificationMethod: { id: string; publicKeyJwk: unknown }[] }> {
  const options = { headers: { host: "localhost" } };
  return new Promise((resolve, reject) => {
    const call = request(`${httpUrl}/attacker/${name}/did.json`, options, (response) => {
      let text = "";
      response.on("data", (data) => (text += String(data))).on("end", () => resolve(JSON.parse(text) as never));
    });
    call.on("error", reject).end();
  });
}

async function agreementKey(name: string): Promise<PeerKey> {
  const { keyAgreement, verificationMethod } = await documentOf(name);
  const kid = keyAgreement[0] ?? "";
  return { kid, publicKey: verificationMethod.find(({ id }) => id === kid)?.publicKeyJwk as never };
}

function post(body: string, index: number): Promise<void> {
  return new Promise((done) => {
    const headers = { "content-type": "application/didcomm-encrypted+json", "content-length": Buffer.byteLength(body) };
    const call = request(`${httpUrl}/didcomm`, { method: "POST", headers, localAddress: attackersAddress(index) }, (response) => {
      response.resume().on("end", done);
    });
    call.on("error", () => done()).end(body);
  });
}

/** Queries of discover-features that fill a message of about `bytes` bytes. */
function queries(bytes: number): object {
  const match = "*".repeat(Math.floor(bytes / 64) - 100);
  return { queries: Array.from({ length: 64 }, () => ({ "feature-type": "protocol", match })) };
}

const protocolsOf = (count: number): string[] => Array.from({ length: count }, (_, i) => `https://example.org/protocol-${i}/1.0`);

const ATTACKS: Readonly<Record<string, () => Promise<void>>> = {
  async "stranger's-queries"() {
    await join(["bot"], protocolsOf(10));
    const [from, to] = [stranger(), await agreementKey("bot")];
    for (let n = 0; ; n++) {
      const message = { id: randomUUID(), type: QUERIES, from: from.did, to: [`${DID}:bot`], body: queries(950_000) };
      await Promise.all([post(pack(message as never, { from, to }), n), delay(300)]);
    }
  },
  async "own-queries"() {
    const sockets = await Promise.all(
      Array.from({ length: 4 }, (_, i) =>
        join(
          ["bot"],
          protocolsOf(256).map((uri) => `${uri}-${i}`),
        ),
      ),
    );
    for (;;) {
      const body = queries(950_000);
      push(sockets[0] as WebSocket, `${DID}:bot`, "message", {
        id: randomUUID(),
        type: QUERIES,
        from: `${DID}:bot`,
        to: [`${DID}:bot`],
        body,
      });
      await delay(1000);
    }
  },
  async "many-dids"() {
    for (let n = 0; ; n++) {
      const names = Array.from({ length: 100 }, (_, i) => `bot-${n}-${i}`);
      const socket = await join(names, ["*"]);
      const to = names.map((name) => `${DID}:${name}`);
      push(socket, to[0] ?? "", "message", { id: randomUUID(), type: "https://example.org/p/1.0/x", from: to[0], to, body: {} });
      await delay(100);
      socket.close();
    }
  },
  async "inbox-of-another"() {
    const socket = await join(["bot", "away"], ["*"]);
    for (;;) {
      for (let i = 0; i < 200; i++) {
        const message = { id: randomUUID(), type: "https://example.org/p/1.0/x", from: `${DID}:bot`, to: [`${DID}:away`], body: { i } };
        push(socket, `${DID}:bot`, "message", message);
      }
      await delay(50);
    }
  },
  async reconnections() {
    for (;;) {
      const socket = await join(["bot"], ["*"]);
      for (let i = 0; i < 200; i++) push(socket, `${DID}:bot`, "message", { id: randomUUID(), type: "x", to: [`${DID}:bot`], body: {} });
      socket.terminate();
    }
  },
  async "silent-connections"() {
    openSilent(1000, httpUrl, 1);
    await delay(FOREVER_MS);
  },
  async "kept-alive-connections"() {
    openSilent(1000, httpUrl, 1, "GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n");
    await delay(FOREVER_MS);
  },
  async "posts-of-one-byte"() {
    const head =
      "POST /didcomm HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/didcomm-encrypted+json\r\ncontent-length: 4000000\r\n\r\n{";
    for (;;) {
      openSilent(64, httpUrl, 8, head);
      await delay(20_000);
    }
  },
};

void ATTACKS[attack]?.().catch((error: unknown) => {
  console.error(attack, error);
  process.exit(1);
});
serve({}, async () => 0);

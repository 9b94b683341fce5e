// Attacks of one account on an API server and a relay, within its rights and limits.
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { Agent, request } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import { encodeClientFrame, encodeMessage } from "@parley/skytale-relay/internal";
import { argument, serve } from "../worker.ts";
import { openSilent } from "./sockets.ts";

const { attack, apiUrl, relayUrl, key } = argument() as { attack: string; apiUrl: string; relayUrl: string; key: string };
const CHANNEL = "attacker/team/general";
const SERVICE = "/skytale.relay.v1.RelayService/";
const agent = new Agent({ keepAlive: true, maxSockets: 2000 });
const asIs = (bytes: Buffer): Buffer => bytes;

function api(method: string, path: string, body?: object): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
    const call = request(apiUrl + path, { method, headers, agent }, (response) => {
      let text = "";
      response.on("data", (data) => (text += String(data))).on("end", () => resolve(text === "" ? {} : (JSON.parse(text) as never)));
    });
    call.on("error", reject).end(body && JSON.stringify(body));
  });
}

async function token(): Promise<Metadata> {
  const { token } = (await api("POST", "/v1/tokens", {})) as { token: string };
  const metadata = new Metadata();
  metadata.set("authorization", `Bearer ${token}`);
  return metadata;
}

const relay = (): Client => new Client(new URL(relayUrl).host, credentials.createInsecure(), { "grpc.use_local_subchannel_pool": 1 });

function stream(metadata: Metadata, client = relay()) {
  const call = client.makeBidiStreamRequest<Buffer, Buffer>(`${SERVICE}Connect`, asIs, asIs, metadata, {});
  call.on("error", () => {});
  return call;
}

function fields(...values: readonly Uint8Array[]): Buffer {
  return Buffer.concat(values.flatMap((value) => [Buffer.from(Uint32Array.of(value.length).buffer).swap32(), value]));
}

/** A request to join that is proved by an invite of the attacker's. */
async function joinRequest(): Promise<object> {
  const { privateKey } = generateKeyPairSync("ed25519");
  const { x = "" } = createPublicKey(createPrivateKey(privateKey.export({ format: "pem", type: "pkcs8" }))).export({ format: "jwk" });
  const inviteKey = Buffer.from(x, "base64url");
  const id = createHash("sha256")
    .update(fields(Buffer.from("skytale invite id v1"), inviteKey))
    .digest()
    .subarray(0, 16);
  await api("POST", "/v1/channels/invites", { channel: CHANNEL, invite_key: inviteKey.toString("base64url"), max_uses: 2 });
  const [requestId, keyPackage] = [randomBytes(16), randomBytes(300)];
  const proof = sign(null, fields(Buffer.from("skytale invite join v1"), Buffer.from(CHANNEL), id, requestId, keyPackage), privateKey);
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");
  return { channel: CHANNEL, invite_id: text(id), request_id: text(requestId), key_package: text(keyPackage), proof: text(proof) };
}

/** As many calls of the API as are answered, 64 at a time. */
async function flood(authorization: string): Promise<void> {
  const lane = async (): Promise<void> => {
    for (;;) {
      await new Promise<void>((done) => {
        const call = request(`${apiUrl}/v1/accounts/me`, { agent, headers: { authorization } }, (answer) =>
          answer.resume().on("end", done),
        );
        call.on("error", () => done()).end();
      });
    }
  };
  await Promise.all(Array.from({ length: 64 }, lane));
}

const ATTACKS: Readonly<Record<string, () => Promise<void>>> = {
  "api-calls": () => flood(`Bearer ${key}`),
  async "api-forged-tokens"() {
    const { token: good } = (await api("POST", "/v1/tokens", {})) as { token: string };
    await flood(`Bearer ${good.slice(0, good.lastIndexOf("."))}.${randomBytes(64).toString("base64url")}`);
  },
  async waiters() {
    const join = await joinRequest();
    const wait = async (): Promise<void> => {
      for (;;) await api("GET", `/v1/channels/pending?channel=${CHANNEL}&after=9999999999999&wait=30`).catch(() => delay(100));
    };
    for (let i = 0; i < 1000; i++) void wait();
    for (;;) await Promise.all([api("POST", "/v1/channels/joins", join).catch(() => {}), delay(40)]);
  },
  async subscriptions() {
    const metadata = await token();
    const subscribes = Array.from({ length: 1000 }, (_, i) => ({ subscription: i + 1, channel: CHANNEL, from: 0, credit: 1_000_000 }));
    const streams = Array.from({ length: 100 }, () => stream(metadata));
    for (const one of streams) {
      one.on("data", () => {});
      one.write(Buffer.from(encodeClientFrame({ token: undefined, subscribes, unsubscribes: [], credits: [], publishes: [], ping: 0 })));
    }
    const [first] = streams;
    for (let n = 1; ; n++) {
      const payload = randomBytes(16);
      const message = encodeMessage({ kind: "application", epoch: 1n, payload, key: payload, supersedes: 0, recipients: [] });
      const publishes = [{ channel: CHANNEL, firstNumber: n, messages: [message] }];
      first?.write(Buffer.from(encodeClientFrame({ token: undefined, subscribes: [], unsubscribes: [], credits: [], publishes, ping: 0 })));
      await delay(500);
    }
  },
  async "refused-subscriptions"() {
    const metadata = await token();
    const subscribes = Array.from({ length: 16_000 }, (_, i) => ({ subscription: i + 1, channel: `others/x/${i}`, from: 0, credit: 1 }));
    const frame = Buffer.from(encodeClientFrame({ token: undefined, subscribes, unsubscribes: [], credits: [], publishes: [], ping: 0 }));
    for (;;) {
      const one = stream(metadata);
      one.on("data", () => {});
      for (let i = 0; i < 5; i++) one.write(frame);
      await delay(300);
      one.cancel();
    }
  },
  async heads() {
    const metadata = await token();
    const client = relay();
    // GetHeads {channels = 1}.
    const names = Array.from({ length: 256 }, (_, i) => Buffer.from(`${CHANNEL}-${i}`));
    const body = Buffer.concat(names.flatMap((name) => [Buffer.from([0x0a, name.length]), name]));
    const lane = async (): Promise<void> => {
      for (;;) {
        await new Promise<void>((done) => {
          client.makeUnaryRequest(`${SERVICE}GetHeads`, asIs, asIs, body, metadata, {}, () => done());
        });
        await delay(1);
      }
    };
    await Promise.all(Array.from({ length: 20 }, lane));
  },
  async "unread-answers"() {
    const metadata = await token();
    const bad = Array.from({ length: 2000 }, () => Buffer.from([0xff]));
    for (let i = 0; i < 50; i++) {
      const one = stream(metadata);
      one.pause();
      const spam = async (): Promise<void> => {
        for (let n = 1; ; n += bad.length) {
          const publishes = [{ channel: CHANNEL, firstNumber: n, messages: bad }];
          const frame = { token: undefined, subscribes: [], unsubscribes: [], credits: [], publishes, ping: 0 };
          if (!one.write(Buffer.from(encodeClientFrame(frame)))) await new Promise((go) => one.once("drain", go));
          await delay(20);
        }
      };
      void spam();
    }
    await delay(2 ** 30);
  },
  async "silent-relay-connections"() {
    openSilent(1000, `http://${new URL(relayUrl).host}`, 1);
    await delay(2 ** 30);
  },
  async "silent-api-connections"() {
    openSilent(1000, apiUrl, 1);
    await delay(2 ** 30);
  },
};

await api("POST", "/v1/channels", { name: CHANNEL });
void ATTACKS[attack]?.().catch((error: unknown) => {
  console.error(attack, error);
  process.exit(1);
});
serve({}, async () => 0);

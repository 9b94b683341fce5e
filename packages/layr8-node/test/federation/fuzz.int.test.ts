import { connect } from "node:net";
import { gateOrSoak, randomFrom, SEED } from "@parley/test-assertions";
import { afterEach, beforeEach, expect, it, onTestFailed } from "vitest";
import { JUNK, mutate, pick, type Random } from "../fuzz/junk.ts";
import type { RawAgent } from "../raw-agent.ts";
import { BOB, ECHO, Pair, toBob } from "./pair.ts";
import { keyOf, post, RemoteSender, withHeader, type Posted } from "./remote-sender.ts";

const ROUNDS = gateOrSoak(40, 2000);
const STATUSES = new Set([202, 400, 403, 404, 413, 415, 422, 429, 503]);

let remoteSender: RemoteSender;
let pair: Pair;
let unhandled: unknown[];
const onUnhandled = (error: unknown) => void unhandled.push(error);

beforeEach(async () => {
  unhandled = [];
  process.on("uncaughtException", onUnhandled).on("unhandledRejection", onUnhandled);
  remoteSender = await RemoteSender.listen();
  pair = await Pair.prepare({ b: { limits: { strangersPerSecond: 100_000 } } });
  pair.hosts["m.localhost"] = remoteSender.origin;
  await pair.open("a");
  await pair.open("b");
});
afterEach(async () => {
  await pair.close();
  await remoteSender.close();
  process.off("uncaughtException", onUnhandled).off("unhandledRejection", onUnhandled);
});

/** Two well-behaved agents on two nodes exchange requests and responses until they are stopped. Resolves with the number of exchanges. */
async function conversation([alice, bob]: readonly [RawAgent, RawAgent], stop: AbortSignal): Promise<void> {
  for (let turns = 0; !stop.aborted || turns < 20; turns++) {
    await alice.send(toBob(`a${turns}`));
    for (;;) {
      const { plaintext } = await bob.receive();
      bob.ack(String(plaintext["id"]));
      if (plaintext["from"] === remoteSender.did) continue;
      expect(plaintext["id"]).toBe(`a${turns}`);
      break;
    }
    await bob.send({ id: `b${turns}`, type: `${ECHO}/response`, from: BOB, to: [alice.did], thid: `a${turns}`, body: {} });
    const answer = await alice.receive();
    alice.ack(`b${turns}`);
    expect(answer.plaintext["id"]).toBe(`b${turns}`);
  }
}

/** Bytes that are sometimes invalid HTTP. */
function breakHttp(random: Random): Promise<void> {
  const whole = `POST /didcomm HTTP/1.1\r\nhost: b.localhost\r\ncontent-type: application/didcomm-encrypted+json\r\ncontent-length: 9\r\n\r\n{"a":"b"}`;
  const bytes = pick(random, [
    whole.slice(0, random(whole.length)),
    whole.replace("9", "999999999"),
    whole.replace("content-length: 9", "content-length: -1"),
    whole.replace("content-length: 9", "transfer-encoding: chunked\r\ncontent-length: 9"),
    whole.replace("content-length: 9", "transfer-encoding: chunked").replace('{"a":"b"}', "fffffffff\r\n{"),
    mutate(whole, random),
  ]);
  const socket = connect(pair.ports.b, "127.0.0.1");
  socket.on("error", () => {}).on("data", () => {});
  const closed = new Promise<void>((resolve) => socket.on("close", () => resolve()));
  socket.end(bytes);
  return closed;
}

it("a node whose endpoint is flooded with junk serves those who behave", { timeout: gateOrSoak(120_000, 3_600_000) }, async () => {
  onTestFailed(() => void process.stderr.write(`PARLEY_SEED=${SEED}\n`));
  const random = randomFrom(SEED);
  const before = process.memoryUsage().rss;
  const peace = new AbortController();
  const turns = conversation([await pair.alice(), await pair.bob()], peace.signal);
  const to = await keyOf(pair.b);
  const answers: Posted[] = [];
  const odd = (): string => {
    const members = { ...remoteSender.message(`f${random(1e9)}`), body: {}, thid: "a1" };
    const junk = pick(random, ["id", "type", "to", "body", "thid", "attachments", "expires_time", "created_time"]);
    try {
      return remoteSender.pack({ ...members, [junk]: JSON.parse(pick(random, JUNK)) as unknown }, to);
    } catch {
      return remoteSender.pack(members, to);
    }
  };
  const attack = async (): Promise<void> => {
    const good = remoteSender.pack(remoteSender.message(`g${random(1e9)}`), to);
    const body = pick(random, [
      () => mutate(good, random),
      () => mutate(mutate(good, random), random),
      () => pick(random, JUNK),
      () => withHeader(good, (header) => ({ ...header, [pick(random, Object.keys(header))]: random(9) })),
      odd,
      () => good,
    ])();
    answers.push(await post(pair.b, body, pick(random, ["application/json", "application/didcomm-encrypted+json", "text/plain"])));
  };
  expect((await post(pair.b, remoteSender.pack(remoteSender.message("first"), to))).status).toBe(202);
  expect((await post(pair.b, "{}", "application/didcomm-encrypted+json")).status).toBe(400);
  expect((await post(pair.b, remoteSender.pack(remoteSender.message("second"), to), "text/plain")).status).toBe(415);
  for (let round = 0; round < ROUNDS; round++) await Promise.all([...Array.from({ length: 12 }, attack), breakHttp(random)]);
  peace.abort();
  await turns;
  expect(answers).toHaveLength(12 * ROUNDS);
  for (const { status, text } of answers) {
    expect(STATUSES).toContain(status);
    const members = text === "" ? [] : Object.keys(JSON.parse(text) as object);
    expect(members).toEqual(status === 202 ? [] : ["error", "code"]);
  }
  expect(unhandled).toEqual([]);
  expect(await pair.metric("b", "failures_total")).toBe(0);
  expect(process.memoryUsage().rss - before).toBeLessThan(500 * 1024 * 1024);
});

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { OUTPUT_SCHEMAS } from "../src/schemas/index.ts";
import { Workplace } from "./parley.ts";

const ECHO = "https://layr8.io/protocols/echo/1.0";
const BOB = "did:web:localhost:bob";

let place: Workplace;

beforeEach(async () => {
  place = await Workplace.create();
  await place.dev();
});

afterEach(() => place.remove());

describe("messages by command", { timeout: 240_000 }, () => {
  it("sends what a listener prints, from argument, file and standard input", async () => {
    const listener = place.start(["listen", `${ECHO}/request`, "--as", BOB, "--count", "3", "--json"]);
    await listener.saw(`Listening as ${BOB}.`);
    await writeFile(join(place.path, "body.json"), '{"n":2}');
    const to = ["send", BOB, `${ECHO}/request`];
    const sent = await place.run([...to, '{"n":1}', "--json", "--as", "did:web:localhost:alice"]);
    expect(OUTPUT_SCHEMAS["sent"]?.safeParse(JSON.parse(sent.stdout))).toMatchObject({ success: true });
    expect((await place.run([...to, "@body.json"])).code).toBe(0);
    expect((await place.run([...to, "-"], { input: '{"n":3}' })).code).toBe(0);
    const { code, stdout } = await listener.ended;
    const messages = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { id: string; from: string; body: object });
    expect(messages.map(({ body }) => body)).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
    expect(messages[0]).toMatchObject({ id: (JSON.parse(sent.stdout) as { id: string }).id, from: "did:web:localhost:alice" });
    for (const each of messages) expect(OUTPUT_SCHEMAS["message"]?.safeParse(each)).toMatchObject({ success: true });
    expect(code).toBe(0);
  });

  it("prints the receipts of a message with --until, and its failure", async () => {
    const listener = place.start(["listen", `${ECHO}/request`, "--as", BOB, "--count", "2"]);
    await listener.saw(`Listening as ${BOB}.`);
    const { code, stdout } = await place.run(["send", BOB, `${ECHO}/request`, "--until", "handled", "--json"]);
    const receipts = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { state: string; message: string });
    expect(receipts.map(({ state }) => state)).toEqual(["queued", "delivered", "handled"]);
    for (const each of receipts) expect(OUTPUT_SCHEMAS["receipt"]?.safeParse(each)).toMatchObject({ success: true });
    expect(new Set(receipts.map(({ message }) => message)).size).toBe(1);
    expect(code).toBe(0);
    expect((await place.run(["send", BOB, `${ECHO}/request`, "--until", "queued"])).stdout).toContain(`queued  by ${BOB}  id=`);
    expect((await listener.ended).code).toBe(0);
    // 4: no agent handles it.
    const late = await place.run(["send", BOB, `${ECHO}/request`, "--until", "handled", "--timeout", "2s", "--json"]);
    expect(late.code).toBe(4);
    expect(JSON.parse(late.stdout)).toMatchObject({ state: "queued" });
    expect((await place.run(["send", BOB, `${ECHO}/request`, "--until", "read"])).code).toBe(2);
  });

  it("prints the response to a request and the time of a ping, and ends a listener with --until and with SIGINT", async () => {
    const stop = "https://layr8.io/protocols/echo/1.0/stop";
    const listener = place.start(["listen", `${ECHO}/request`, "--as", BOB, "--reply", '{"ok":true}', "--until", stop]);
    await listener.saw("Listening");
    const { code, stdout } = await place.run(["request", BOB, `${ECHO}/request`, "{}", "--json"]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ type: `${ECHO}/response`, from: BOB, body: { ok: true } });
    const ping = await place.run(["ping", BOB, "--json"]);
    expect(OUTPUT_SCHEMAS["ping"]?.safeParse(JSON.parse(ping.stdout))).toMatchObject({ success: true });
    await place.run(["send", BOB, stop]);
    expect((await listener.ended).code).toBe(0);
    const second = place.start(["listen", `${ECHO}/request`, "--as", BOB]);
    await second.saw("Listening");
    second.child.kill("SIGINT");
    expect((await second.ended).code).toBe(130);
  });

  it("ends with the exit code of the kind of failure", async () => {
    const listener = place.start(["listen", `${ECHO}/other`, "--as", BOB]);
    await listener.saw("Listening");
    // 2: the input is wrong, and is not repeated.
    const secret = await place.run(["send", BOB, `${ECHO}/request`, "{secret"]);
    expect(secret).toMatchObject({ code: 2, stderr: expect.stringContaining("the body is not JSON") as string });
    expect(secret.stderr).not.toContain("secret");
    expect((await place.run(["send", BOB, `${ECHO}/request`, "[]"])).code).toBe(2);
    // 3: unknown recipient.
    expect((await place.run(["send", "did:web:localhost:nobody", `${ECHO}/request`])).code).toBe(3);
    // 4: no response.
    const late = await place.run(["request", BOB, `${ECHO}/other`, "--timeout", "5s", "--json"]);
    expect(late).toMatchObject({ code: 4, stdout: "" });
    expect(JSON.parse(late.stderr.trim().split("\n").at(-1) ?? "")).toMatchObject({ error: { code: "request_timeout", exit: 4 } });
    // 5: no node.
    const nowhere = { LAYR8_NODE_URL: "ws://127.0.0.1:9/plugin_socket/websocket", LAYR8_API_KEY: "k" };
    expect((await place.run(["ping", BOB, "--timeout", "20s"], { env: nowhere })).code).toBe(5);
  });
});

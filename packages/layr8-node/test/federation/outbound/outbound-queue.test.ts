import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { StorageError } from "@parley/storage";
import { Harness } from "./harness.ts";
import { take, type RemoteResponse } from "./partner.ts";

let harness: Harness;

beforeEach(() => {
  harness = new Harness();
});
afterEach(() => harness.close());

/** Gives answers one after the other, the last one again and again. */
function answers(...list: readonly RemoteResponse[]): RemoteResponse {
  let index = 0;
  return (arrival, response, request) => list[Math.min(index++, list.length - 1)]?.(arrival, response, request);
}

function status(code: number, headers: Record<string, string> = {}, body = ""): RemoteResponse {
  return (_, response) => {
    response.writeHead(code, headers).end(body);
  };
}

describe("a message to another node", () => {
  it("arrives unchanged, encrypted by its sender, and is removed", async () => {
    const node = await harness.partner();
    const bob = node.agent("bob");
    const queue = harness.open();
    const type = "https://example.org/test/1.0/ping";
    const plaintext = `{ "id":"1", "type":"${type}", "from":"${harness.alice}", "to":["${bob}"], "body":{"x":1.0,"ü":"€😀"} }`;
    let headers: unknown;
    node.answer = (_, response, request) => {
      headers = [request.method, request.url, request.headers["content-type"], request.headers.host];
      response.writeHead(202).end();
    };
    await harness.send(queue, bob, { id: "1", plaintext });
    await harness.until(() => harness.delivered.length === 1);
    expect(node.arrivals).toEqual([{ sender: harness.alice, recipient: bob, id: "1", plaintext }]);
    expect(headers).toEqual(["POST", "/didcomm", "application/didcomm-encrypted+json", "node-1.localhost"]);
    await queue.close();
    expect(queue.depth()).toEqual({ messages: 0, length: 0, pairs: 0, blocked: 0 });
    expect(harness.failures).toEqual([]);
  });

  it.each([200, 201, 202, 204])("is delivered when the other node responds with %i", async (code) => {
    const node = await harness.partner();
    node.answer = status(code);
    const id = await harness.send(harness.open(), node.agent("bob"));
    await harness.until(() => harness.delivered.length === 1);
    expect(harness.delivered).toEqual([id]);
  });

  it.each([408, 421, 425, 429, 500, 502, 503, 504])("is retried after status %i", async (code) => {
    const node = await harness.partner();
    node.answer = answers(status(code, { "retry-after": "0" }, '{"error":"busy"}'), take);
    const id = await harness.send(harness.open(), node.agent("bob"));
    await harness.until(() => harness.delivered.length === 1);
    expect(node.ids).toEqual([id, id]);
    expect(harness.retried).toEqual([`The other node answered with status ${code}: busy`]);
  });

  it.each([300, 301, 307, 400, 401, 403, 404, 405, 409, 410, 413, 415, 422])(
    "is dead-lettered after status %i, and the next message is sent",
    async (code) => {
      const node = await harness.partner();
      const bob = node.agent("bob");
      node.answer = answers(status(code, { location: `${node.origin}/elsewhere` }, '{"error":"not you","code":"e.m.authz.denied"}'), take);
      const queue = harness.open();
      const first = await harness.send(queue, bob);
      const second = await harness.send(queue, bob);
      await harness.until(() => harness.dead.length + harness.delivered.length === 2);
      expect(harness.delivered).toEqual([second]);
      expect(harness.dead).toEqual([
        {
          id: first,
          cause: { code: "refused", comment: expect.stringContaining(`status ${code}`), status: code, remoteCode: "e.m.authz.denied" },
        },
      ]);
      expect(node.ids).toEqual([first, second]);
    },
  );

  it("is retried when its connection breaks", async () => {
    const node = await harness.partner();
    node.answer = answers(
      (_, response) => response.socket?.resetAndDestroy(),
      (_, response) => response.socket?.end("HTTP/1.1 20"),
      (_, response) => {
        response.writeHead(202, { "content-length": "10" });
        response.write("x", () => response.socket?.destroy());
      },
    );
    const id = await harness.send(harness.open(), node.agent("bob"));
    await harness.until(() => harness.delivered.length === 1);
    expect(node.ids).toEqual([id, id, id]);
  });

  it("is rejected while its owner's senders have too many messages waiting", async () => {
    const node = await harness.partner();
    const answers: (() => void)[] = [];
    node.answer = (request, response, body) => void answers.push(() => take(request, response, body));
    const queue = harness.open({ limits: { maxMessagesPerOwner: 2 }, ownerOf: (did) => (did.endsWith(":other") ? "other" : "key") });
    const send = (sender: string): Promise<{ readonly status: string }> =>
      queue.enqueue(harness.message(node.agent("bob"), { sender: harness.sender(sender) }));
    expect([(await send("one")).status, (await send("two")).status, (await send("three")).status]).toEqual(["stored", "stored", "full"]);
    expect((await send("other")).status).toBe("stored");
    await expect.poll(() => answers.length).toBeGreaterThan(0);
    node.answer = take;
    for (const answer of answers) answer();
    await harness.until(() => harness.delivered.length === 3);
    await expect.poll(async () => (await send("three")).status).toBe("stored");
  });

  it("is retried without delay when the wall clock is set back during a pause", async () => {
    const node = await harness.partner();
    node.answer = (_, response) => response.socket?.resetAndDestroy();
    const queue = harness.open();
    const id = await harness.send(queue, node.agent("bob"));
    await harness.until(() => harness.retried.length >= 3);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() - 24 * 60 * 60_000 });
    node.answer = take;
    await harness.until(() => harness.delivered.length === 1).finally(() => vi.useRealTimers());
    expect(harness.delivered).toEqual([id]);
  });

  it("is retried after a response timeout", async () => {
    const node = await harness.partner();
    node.answer = answers(() => undefined, take);
    const id = await harness.send(harness.open({ limits: { postTimeoutMs: 50, connectTimeoutMs: 50 } }), node.agent("bob"));
    await harness.until(() => harness.delivered.length === 1);
    expect(node.ids).toEqual([id, id]);
    expect(harness.retried).toEqual(["The other node can't be reached: No answer in time"]);
  });

  it("is retried when the response headers are endless", async () => {
    const node = await harness.partner();
    node.answer = answers((_, response) => {
      response.socket?.write(`HTTP/1.1 202 Accepted\r\n${`x-more: ${"y".repeat(1000)}\r\n`.repeat(100)}`);
    }, take);
    await harness.send(harness.open(), node.agent("bob"));
    await harness.until(() => harness.delivered.length === 1);
    expect(node.arrivals).toHaveLength(2);
  });

  it.each([202, 403])("does not wait for the end of an endless response with status %i", async (code) => {
    const node = await harness.partner();
    const bob = node.agent("bob");
    let closed: Promise<unknown> | undefined;
    node.answer = answers((_, response) => {
      closed = once(response, "close");
      response.writeHead(code);
      const more = (): void => {
        if (response.destroyed) return;
        if (response.write("x".repeat(1024))) setImmediate(more);
        else response.once("drain", more);
      };
      more();
    }, take);
    const queue = harness.open();
    await harness.send(queue, bob);
    const second = await harness.send(queue, bob);
    await harness.until(() => harness.delivered.includes(second));
    await closed;
    expect(harness.dead.length + harness.delivered.length).toBe(2);
  });

  it("is delivered once the status has arrived, however slow the body is", async () => {
    const node = await harness.partner();
    node.answer = (_, response) => {
      response.writeHead(202).write(" ");
    };
    const queue = harness.open();
    const bob = node.agent("bob");
    for (let count = 0; count < 3; count++) await harness.send(queue, bob);
    await harness.until(() => harness.delivered.length === 3);
    expect(node.arrivals).toHaveLength(3);
  });

  it("does not follow redirects", async () => {
    const [node, other] = [await harness.partner(), await harness.partner()];
    node.answer = status(307, { location: `http://node-2.localhost/didcomm` });
    await harness.send(harness.open(), node.agent("bob"));
    await harness.until(() => harness.dead.length === 1);
    expect(harness.dead[0]?.cause.comment).toContain("a redirect, which is not followed");
    expect(other.arrivals).toEqual([]);
  });
});

describe("order", () => {
  it("is kept for each sender and recipient, whatever the responses are", async () => {
    const node = await harness.partner();
    const [bob, carol] = [node.agent("bob"), node.agent("carol")];
    let count = 0;
    const underWay = new Set<string>();
    const doubled: string[] = [];
    node.answer = ({ recipient = "", id }, response) => {
      if (underWay.has(recipient)) doubled.push(id);
      underWay.add(recipient);
      setImmediate(() => {
        underWay.delete(recipient);
        response.writeHead(++count % 3 === 0 ? 503 : 202).end();
      });
    };
    const queue = harness.open();
    const ids = await Promise.all(Array.from({ length: 20 }, (_, index) => harness.send(queue, index % 2 === 0 ? bob : carol)));
    await harness.until(() => harness.delivered.length === 20);
    expect(harness.delivered.filter((id) => ids.indexOf(id) % 2 === 0)).toEqual(ids.filter((_, index) => index % 2 === 0));
    expect(harness.delivered.filter((id) => ids.indexOf(id) % 2 === 1)).toEqual(ids.filter((_, index) => index % 2 === 1));
    expect(doubled).toEqual([]);
  });

  it("is kept within pairs only: a failing pair does not delay other pairs of its node", async () => {
    const node = await harness.partner();
    const [poisoned, ...others] = ["poisoned", ...Array.from({ length: 9 }, (_, index) => `agent-${index}`)].map((name) =>
      node.agent(name),
    );
    node.answer = ({ recipient }, response) => {
      response.writeHead(recipient === poisoned ? 500 : 202).end();
    };
    const queue = harness.open({ limits: { retryMs: 20 } });
    if (poisoned !== undefined) await harness.send(queue, poisoned);
    for (let round = 0; round < 10; round++) for (const other of others) await harness.send(queue, other);
    await harness.until(() => harness.delivered.length === 90);
    expect(queue.depth().messages - 90).toBeLessThanOrEqual(1);
    expect(harness.dead).toEqual([]);
  });

  it("uses a bounded number of connections to one node", async () => {
    const node = await harness.partner();
    const pending: (() => void)[] = [];
    let most = 0;
    node.answer = (_, response) => {
      pending.push(() => response.writeHead(202).end());
      most = Math.max(most, pending.length);
      // Responses are sent when no further requests are expected.
      if (pending.length === 3 || node.arrivals.length < 4) for (const answer of pending.splice(0)) answer();
    };
    const queue = harness.open({ limits: { maxConnectionsPerNode: 3 } });
    for (let index = 0; index < 31; index++) await harness.send(queue, node.agent(`agent-${index}`));
    await node.until(() => node.arrivals.length >= 28);
    expect(most).toBe(3);
    expect(node.sockets.size).toBeLessThanOrEqual(4); // one is for documents
    node.answer = take;
    for (const answer of pending.splice(0)) answer();
    await harness.until(() => harness.delivered.length === 31);
  });
});

describe("an unavailable node", () => {
  it("does not delay other nodes: 1 of 50 hangs, 1 resets connections, 1 has no documents", async () => {
    const nodes = [];
    for (let index = 0; index < 50; index++) nodes.push(await harness.partner());
    const [hanging, resetting, mute, ...healthy] = nodes;
    if (hanging === undefined || resetting === undefined || mute === undefined) throw new Error("no nodes");
    hanging.answer = () => undefined;
    resetting.answer = (_, response) => response.socket?.destroy();
    // No timeout elapses, however busy the machine is: each would be another attempt.
    const queue = harness.open({
      limits: { postTimeoutMs: 600_000, connectTimeoutMs: 600_000, closeMs: 1 },
      resolution: { timeoutMs: 60_000 },
    });
    const ill = [hanging, resetting].flatMap((node) => Array.from({ length: 20 }, (_, index) => node.agent(`ill-${index}`)));
    await mute.stop();
    ill.push(...Array.from({ length: 20 }, (_, index) => mute.agent(`mute-${index}`)));
    for (let round = 0; round < 5; round++) for (const recipient of ill) await harness.send(queue, recipient);
    const bobs = healthy.map((node) => node.agent("bob"));
    const ids: string[] = [];
    for (let round = 0; round < 5; round++) for (const bob of bobs) ids.push(await harness.send(queue, bob));
    await harness.until(() => harness.delivered.length === ids.length);
    expect(harness.delivered.toSorted()).toEqual(ids.toSorted());
    await hanging.until(() => hanging.arrivals.length > 0);
    await harness.until(() => queue.depth().blocked > 0);
    // One that has never answered gets one connection.
    expect(hanging.arrivals).toHaveLength(1);
    expect(queue.depth()).toMatchObject({ messages: 300, pairs: 60 });
  });

  it("is probed with one message at a time, and gets all messages at once when it is back", async () => {
    const node = await harness.partner();
    node.answer = (_, response) => response.socket?.destroy();
    const queue = harness.open();
    for (let index = 0; index < 100; index++) await harness.send(queue, node.agent(`agent-${index}`));
    await harness.until(() => harness.retried.length >= 8);
    expect(node.arrivals.length).toBeLessThanOrEqual(harness.retried.length + 1);
    expect(queue.depth()).toMatchObject({ messages: 100, pairs: 100 });
    const before = node.arrivals.length;
    node.answer = take;
    await harness.until(() => harness.delivered.length === 100);
    // Those that were under way in the moment of the change may have failed.
    expect(node.arrivals.length - before).toBeLessThanOrEqual(102);
  });

  it("gets all messages in order when it is up again", async () => {
    const node = await harness.partner();
    const bob = node.agent("bob");
    const queue = harness.open();
    const ids = [await harness.send(queue, bob)];
    await harness.until(() => harness.delivered.length === 1);
    const { port } = node;
    await node.stop();
    for (let count = 0; count < 10; count++) ids.push(await harness.send(queue, bob));
    await harness.until(() => harness.retried.length >= 3);
    await node.listen(port);
    await harness.until(() => harness.delivered.length === 11);
    expect(harness.delivered).toEqual(ids);
    expect(node.ids).toEqual(ids);
  });
});

describe("limits", () => {
  it("reject messages above the quota of a sender or a host, until there is room", async () => {
    const [node, other] = [await harness.partner(), await harness.partner()];
    const [bob, carol, dave] = [node.agent("bob"), node.agent("carol"), other.agent("dave")];
    const pending: (() => void)[] = [];
    node.answer = (_, response) => pending.push(() => response.writeHead(202).end());
    other.answer = node.answer;
    const eve = harness.sender("eve");
    const queue = harness.open({ limits: { maxMessagesPerSender: 3, maxMessagesPerHost: 4, closeMs: 1 } });
    const enqueue = async (recipient: string, sender: string): Promise<string> =>
      (await queue.enqueue(harness.message(recipient, { sender }))).status;
    expect(await Promise.all([bob, carol, dave, dave].map((to) => enqueue(to, harness.alice)))).toEqual([
      "stored",
      "stored",
      "stored",
      "full",
    ]);
    expect(await Promise.all([bob, bob, carol, dave].map((to) => enqueue(to, eve)))).toEqual(["stored", "stored", "full", "stored"]);
    await node.until(() => pending.length > 0 && node.arrivals.length > 0);
    node.answer = take;
    for (const answer of pending.splice(0)) answer();
    await harness.until(() => harness.delivered.length >= 4 && queue.depth().messages <= 3);
    expect(await enqueue(carol, eve)).toBe("stored");
  });

  it("count characters", async () => {
    const node = await harness.partner();
    node.answer = () => undefined;
    const bob = node.agent("bob");
    const queue = harness.open({ limits: { maxLengthPerSender: 1000, closeMs: 1 } });
    const long = harness.message(bob, { plaintext: "x".repeat(1001) });
    expect(await queue.enqueue(long)).toEqual({ status: "full" });
    expect(queue.depth()).toMatchObject({ messages: 0, length: 0 });
    const fits = harness.message(bob);
    expect((await queue.enqueue(fits)).status).toBe("stored");
    expect(queue.depth()).toMatchObject({ messages: 1, length: fits.plaintext.length });
  });

  it("recognise a duplicate while the message waits and after its delivery", async () => {
    const node = await harness.partner();
    const message = harness.message(node.agent("bob"));
    const queue = harness.open({ limits: { maxMessagesPerSender: 1 } });
    expect((await queue.enqueue(message)).status).toBe("stored");
    expect(await queue.enqueue(message)).toEqual({ status: "duplicate" });
    await harness.until(() => harness.delivered.length === 1);
    expect(await queue.enqueue(message)).toEqual({ status: "duplicate" });
    expect(node.arrivals).toHaveLength(1);
  });
});

describe("an expired message", () => {
  it("is dead-lettered at any position of its queue, with the reason of the last failure", async () => {
    const node = await harness.partner();
    const bob = node.agent("bob");
    node.answer = status(503);
    const queue = harness.open();
    const soon = Date.now() + 2000;
    const first = await harness.send(queue, bob, { expiresAt: soon });
    const second = await harness.send(queue, bob);
    const third = await harness.send(queue, bob, { expiresAt: soon });
    await harness.until(() => harness.dead.length === 2);
    expect(harness.dead.map(({ id }) => id).toSorted()).toEqual([first, third].toSorted());
    expect(harness.dead.find(({ id }) => id === first)?.cause).toEqual({
      code: "expired",
      comment: "The message expired before the other node took it. The other node answered with status 503",
    });
    expect(harness.dead.find(({ id }) => id === third)?.cause).toEqual({
      code: "expired",
      comment: "The message expired before the other node took it",
    });
    node.answer = take;
    await harness.until(() => harness.delivered.length === 1);
    expect(harness.delivered).toEqual([second]);
  });

  it("is not posted when it becomes the first of its queue", async () => {
    const node = await harness.partner();
    const [bob, carol] = [node.agent("bob"), node.agent("carol")];
    let answer: (() => void) | undefined;
    node.answer = answers((_, response) => {
      answer = () => response.writeHead(202).end();
    }, take);
    const queue = harness.open({ limits: { maxConnectionsPerNode: 1 } });
    const first = await harness.send(queue, bob);
    await node.until(() => answer !== undefined);
    const late = await harness.send(queue, carol, { expiresAt: Date.now() + 1000 });
    await harness.until(() => harness.dead.length === 1);
    const second = await harness.send(queue, carol);
    answer?.();
    await harness.until(() => harness.delivered.length === 2);
    expect(harness.dead).toMatchObject([{ id: late, cause: { code: "expired" } }]);
    expect(node.ids).toEqual([first, second]);
    expect([harness.retried, harness.failures]).toEqual([[], []]);
  });

  it("is reported once when it becomes undeliverable later", async () => {
    const node = await harness.partner();
    const nobody = "did:web:node-1.localhost:nobody";
    let lookups = 0;
    node.beforeDocument = () => (++lookups === 2 ? harness.until(() => harness.dead.length === 1) : Promise.resolve());
    const queue = harness.open({ limits: { secondLookMs: 0 } });
    await harness.send(queue, nobody, { expiresAt: Date.now() + 1000 });
    const bob = node.agent("bob");
    await harness.until(() => harness.dead.length === 1);
    await harness.send(queue, bob);
    await harness.until(() => harness.delivered.length === 1);
    await queue.close();
    expect(lookups).toBe(3);
    expect(harness.dead).toMatchObject([{ cause: { code: "expired" } }]);
    expect(harness.failures).toEqual([]);
  });

  it("is never posted", async () => {
    const node = await harness.partner();
    const queue = harness.open();
    const id = await harness.send(queue, node.agent("bob"), { expiresAt: Date.now() - 1 });
    await harness.until(() => harness.dead.length === 1);
    expect(harness.dead).toMatchObject([{ id, cause: { code: "expired" } }]);
    expect(node.arrivals).toEqual([]);
  });
});

describe("the report of a dead letter", () => {
  it("is retried after a temporary failure", async () => {
    const node = await harness.partner();
    node.answer = status(403);
    let told = 0;
    const queue = harness.open({
      onDead: () => {
        if (++told === 1) throw new StorageError("storage_failed", "The disk is full");
      },
    });
    await harness.send(queue, node.agent("bob"));
    await harness.until(() => harness.dead.length === 1);
    expect(told).toBe(2);
    expect(harness.failures).toMatchObject([{ code: "storage_failed" }]);
  });

  it("is dropped after a permanent failure", async () => {
    const node = await harness.partner();
    node.answer = answers(status(403), take);
    const queue = harness.open({
      onDead: () => {
        throw new TypeError("a bug");
      },
    });
    const bob = node.agent("bob");
    await harness.send(queue, bob);
    await harness.send(queue, bob);
    await harness.until(() => harness.delivered.length === 1 && harness.failures.length === 1);
    await queue.close();
    expect(queue.depth().messages).toBe(0);
  });
});

describe("closing", () => {
  it("waits for a pending response", async () => {
    const node = await harness.partner();
    let answer: (() => void) | undefined;
    node.answer = (_, response) => {
      answer = () => response.writeHead(202).end();
    };
    const queue = harness.open({ limits: { closeMs: 60_000 } });
    const id = await harness.send(queue, node.agent("bob"));
    await node.until(() => answer !== undefined);
    const closing = queue.close();
    answer?.();
    await closing;
    expect(harness.delivered).toEqual([id]);
  });

  it("aborts a request without a response, and sends nothing afterwards", async () => {
    const node = await harness.partner();
    node.answer = () => undefined;
    const bob = node.agent("bob");
    const queue = harness.open({ limits: { closeMs: 1, postTimeoutMs: 60_000 } });
    await harness.send(queue, bob);
    await harness.send(queue, bob);
    await node.until(() => node.arrivals.length === 1);
    await Promise.all([queue.close(), queue.close()]);
    expect(node.arrivals).toHaveLength(1);
    expect(harness.dead).toEqual([]);
    await expect(queue.enqueue(harness.message(bob))).rejects.toMatchObject({ code: "storage_failed" });
  });
});

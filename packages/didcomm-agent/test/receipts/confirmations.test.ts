import { createHash } from "node:crypto";
import { createMessage, ParleyError, type JsonObject, type Message } from "@parley/core";
import { MAX_TIMER_MS } from "@parley/core/eager";
import { afterEach, describe, expect, it } from "vitest";
import { Confirmations, type ConfirmationWait } from "../../src/receipts/confirmations.ts";
import { ProblemReportError } from "../../src/problem-report.ts";
import type { ReceiptRejectedError } from "../../src/receipts/receipt-error.ts";
import type { Receipt, ReceiptVerifier } from "../../src/receipts/receipt.ts";

const ALICE = "did:example:alice";
const BOB = "did:example:bob";
const RECEIPT = "https://parley.dev/receipts/1.0/receipt";
const NO_LIMIT = { until: "handled", timeoutMs: MAX_TIMER_MS, signal: undefined, onReceipt: undefined } as const;

/** Takes what is signed as it is: signatures are tested where they are verified. */
const trusting: ReceiptVerifier = (signed) => Promise.resolve(createMessage(signed as unknown as Message));

const made: Confirmations[] = [];
afterEach(() => {
  for (const confirmations of made.splice(0)) confirmations.failAll(new Error("the test ended"));
});

function setUp(verifier: ReceiptVerifier | undefined = trusting) {
  const rejected: string[] = [];
  const failures: unknown[] = [];
  const confirmations = new Confirmations({
    verifier: () => verifier,
    onRejected: (error: ReceiptRejectedError) => rejected.push(error.code),
    onListenerFailure: (error) => failures.push(error),
  });
  made.push(confirmations);
  return { confirmations, rejected, failures };
}

function sent(id: string, more: Partial<Message> = {}): Message {
  return createMessage({ id, type: "https://shop.example/orders/1.0/create", from: ALICE, to: BOB, ...more });
}

function receipt(messageId: string, state: string, more: JsonObject = {}): Message {
  const body = { message_id: messageId, state, ...more };
  const signed = { type: RECEIPT, from: BOB, to: [ALICE], body };
  return createMessage({ type: RECEIPT, from: BOB, to: ALICE, body, attachments: [{ data: { json: signed } }] });
}

/** SHA-256 in base64url. */
function digestOf(text: string): string {
  return createHash("sha256").update(text).digest("base64url");
}

/** Waits, and does not mind when the test ends it. */
function wait(confirmations: Confirmations, message: Message, more: Partial<ConfirmationWait> = {}): Promise<readonly Receipt[]> {
  const waiting = confirmations.wait(message, { ...NO_LIMIT, ...more });
  waiting.catch(() => undefined);
  return waiting;
}

describe("confirmations", () => {
  it("limit the calls that wait, and take the next one when one has ended", async () => {
    const { confirmations } = setUp();
    for (let n = 0; n < 10_000; n++) void wait(confirmations, sent(`m${n}`));
    expect(() => wait(confirmations, sent("more"))).toThrow(expect.objectContaining({ code: "too_many_receipts", retryable: true }));
    expect(await confirmations.take(receipt("m0", "handled"))).toBe("accepted");
    void wait(confirmations, sent("more"));
  });

  it("remember the last 1,024 messages without a call", async () => {
    const { confirmations, rejected } = setUp();
    for (let n = 0; n <= 1024; n++) {
      void wait(confirmations, sent(`m${n}`));
      confirmations.fail(`m${n}`, new Error("enough"));
    }
    expect(await confirmations.take(receipt("m0", "queued"))).toBe("unknown");
    expect(await confirmations.take(receipt("m1", "queued"))).toBe("accepted");
    expect(rejected).toEqual(["receipt_unknown_message"]);
  });

  it("do not count a receipt that can't be verified now, and count it when it comes again", async () => {
    let isReachable = false;
    const { confirmations, rejected } = setUp((signed) =>
      isReachable ? trusting(signed) : Promise.reject(new ParleyError("resolution_failed", "no route", { retryable: true })),
    );
    const handled = wait(confirmations, sent("m1"));
    const message = receipt("m1", "handled");
    expect(await confirmations.take(message)).toBe("later");
    isReachable = true;
    expect(await confirmations.take(message)).toBe("accepted");
    expect(await handled).toHaveLength(1);
    expect(rejected).toEqual(["receipt_unverified"]);
  });

  it("count receipts in the order in which they came, however long their verification takes", async () => {
    let release = (): void => undefined;
    const slow = new Promise<void>((resolve) => (release = resolve));
    const { confirmations } = setUp(async (signed) => {
      if ((signed["body"] as JsonObject)["state"] === "queued") await slow;
      return trusting(signed);
    });
    const handled = wait(confirmations, sent("m1"));
    const taken = Promise.all([confirmations.take(receipt("m1", "queued")), confirmations.take(receipt("m1", "handled"))]);
    release();
    expect(await taken).toEqual(["accepted", "accepted"]);
    expect((await handled).map(({ state }) => state)).toEqual(["queued", "handled"]);
  });

  it("count a receipt once that comes twice during its verification", async () => {
    const { confirmations, rejected } = setUp();
    void wait(confirmations, sent("m1"));
    expect(await Promise.all(["queued", "queued"].map((state) => confirmations.take(receipt("m1", state))))).toEqual([
      "accepted",
      "rejected",
    ]);
    expect(rejected).toEqual(["receipt_replayed"]);
  });

  it("accept nothing after handled or failed", async () => {
    const { confirmations, rejected } = setUp();
    const failed = wait(confirmations, sent("m1"));
    await confirmations.take(receipt("m1", "failed", { code: "e.p.me.res.storage" }));
    await expect(failed).rejects.toMatchObject({ code: "receipt_failed", problemCode: "e.p.me.res.storage", retryable: true });
    expect(await confirmations.take(receipt("m1", "handled"))).toBe("rejected");
    expect(rejected).toEqual(["receipt_out_of_order"]);
  });

  it("end with a receipt of other content, signed, under the id of the message", async () => {
    const { confirmations, rejected } = setUp();
    const handled = wait(confirmations, sent("m1"));
    const texts: string[] = [];
    confirmations.sentAs("m1", { id: "m1" }, (text) => texts.push(text));
    expect(texts).toEqual(['{"id":"m1"}']);
    const digest = digestOf('{"id":"m1"}');
    expect(await confirmations.take(receipt("m1", "queued", { digest }))).toBe("accepted");
    const other = digestOf('{"id":"m1","body":{}}');
    expect(await confirmations.take(receipt("m1", "handled", { digest: other }))).toBe("rejected");
    await expect(handled).rejects.toMatchObject({
      code: "receipt_mismatch",
      retryable: false,
      messageId: "m1",
      pending: [BOB],
      receipts: [
        { state: "queued", digest },
        { state: "handled", digest: other, signed: expect.any(String) as string },
      ],
    });
    expect(rejected).toEqual(["receipt_mismatch"]);
  });

  it("accept a receipt about any of the texts that were sent under the id, and one that says nothing about it", async () => {
    const { confirmations, rejected } = setUp();
    const digests: string[] = [];
    for (const n of [1, 2]) {
      void wait(confirmations, sent("m1"));
      confirmations.sentAs("m1", { n }, (text) => digests.push(digestOf(text)));
      confirmations.fail("m1", new Error("once more"));
    }
    const handled = wait(confirmations, sent("m1"));
    for (const [n, state] of ["queued", "delivered"].entries())
      expect(await confirmations.take(receipt("m1", state, { digest: digests[n] ?? "" }))).toBe("accepted");
    expect(await confirmations.take(receipt("m1", "handled"))).toBe("accepted");
    expect((await handled).map(({ digest }) => digest)).toEqual([...digests, undefined]);
    expect(rejected).toEqual([]);
  });

  it("compare the receipt of an earlier process's message when the text of this one is known", async () => {
    const { confirmations, rejected } = setUp();
    const handled = wait(confirmations, sent("m1"));
    const taken = confirmations.take(receipt("m1", "handled", { digest: digestOf('{"id":"m1"}') }));
    // Its grants are being fetched, for instance.
    await Promise.resolve();
    confirmations.sentAs("m1", { id: "m1" }, undefined);
    expect([await taken, rejected]).toEqual(["accepted", []]);
    expect(await handled).toHaveLength(1);
  });

  it("reject a receipt whose digest is not the signed one", async () => {
    const { confirmations, rejected } = setUp();
    void wait(confirmations, sent("m1"));
    const { body, ...message } = receipt("m1", "handled");
    expect(await confirmations.take({ ...message, body: { ...body, digest: digestOf("x") } })).toBe("rejected");
    expect(rejected).toEqual(["receipt_altered"]);
  });

  it("leave a message that can't be written to the transport", () => {
    const { confirmations } = setUp();
    void wait(confirmations, sent("m1"));
    const circular: Record<string, JsonObject> = {};
    circular["self"] = circular;
    const texts: string[] = [];
    confirmations.sentAs("m1", circular, (text) => texts.push(text));
    expect(texts).toEqual([]);
  });

  it("report a listener that fails, and count the receipt", async () => {
    const { confirmations, failures } = setUp();
    const [thrown, later] = [new Error("thrown"), new Error("rejected")];
    const onReceipt = ({ state }: Receipt): unknown => {
      if (state === "queued") throw thrown;
      return Promise.reject(later);
    };
    const handled = wait(confirmations, sent("m1"), { onReceipt });
    await confirmations.take(receipt("m1", "queued"));
    await confirmations.take(receipt("m1", "handled"));
    expect(await handled).toHaveLength(2);
    await expect.poll(() => failures).toEqual([thrown, later]);
  });

  it("fail with a problem report of a recipient if its node sends no receipts", async () => {
    const { confirmations } = setUp();
    const failed = wait(confirmations, sent("m1"));
    const report = createMessage({ type: "https://didcomm.org/report-problem/2.0/problem-report", from: BOB, to: ALICE, threadId: "m1" });
    const problem = new ProblemReportError("e.p.req.no", "no", [], BOB);
    expect(confirmations.problemReported(problem, { ...report, from: "did:example:mallory" })).toBe(false);
    expect(confirmations.problemReported(problem, { ...report, threadId: "m2" })).toBe(false);
    expect(confirmations.problemReported(problem, report)).toBe(true);
    await expect(failed).rejects.toMatchObject({ code: "receipt_failed", problemCode: "e.p.req.no", cause: problem });
  });

  it("fail with the signed receipt if it follows a problem report, and with the report if none follows", async () => {
    const { confirmations } = setUp();
    const report = (threadId: string): Message =>
      createMessage({ type: "https://didcomm.org/report-problem/2.0/problem-report", from: BOB, to: ALICE, threadId });
    const problem = new ProblemReportError("e.p.req.no", "no", [], BOB);
    const [first, second] = [wait(confirmations, sent("m1")), wait(confirmations, sent("m2"))];
    for (const id of ["m1", "m2"]) {
      await confirmations.take(receipt(id, "queued"));
      confirmations.problemReported(problem, report(id));
    }
    await confirmations.take(receipt("m1", "failed", { code: "e.p.req.no" }));
    await expect(first).rejects.toMatchObject({ problemCode: "e.p.req.no", receipts: [{}, { state: "failed" }] });
    await expect(second).rejects.toMatchObject({ problemCode: "e.p.req.no", receipts: [{ state: "queued" }], cause: problem });
  });

  it("reject a second call for a message, and clients that can't verify", () => {
    const { confirmations } = setUp();
    void wait(confirmations, sent("m1"));
    expect(() => wait(confirmations, sent("m1"))).toThrow("A send waits for the receipts of message m1 already");
    const unable = new Confirmations({ verifier: () => undefined, onRejected: () => undefined, onListenerFailure: () => undefined });
    expect(() => unable.wait(sent("m1"), NO_LIMIT)).toThrow(TypeError);
  });
});

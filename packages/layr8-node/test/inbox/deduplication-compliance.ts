import { expect, it } from "vitest";
import { BOB, LIMITS, type InboxHarness } from "./inbox-harness.ts";

/** Registers tests of how an inbox recognizes a message that it has stored already. */
export function deduplicationCompliance(harness: InboxHarness): void {
  const { message, append, expectDuplicate, box, read, ids, seqs, settle } = harness;

  it("stores the same (recipient, sender, id) once, settled or not", async () => {
    const sent = message();
    const [first] = await Promise.all([append(sent), expectDuplicate(sent)]);
    expect(first).toBe("stored");
    await expectDuplicate({ ...sent, plaintext: "other" });
    expect((await read()).map(({ plaintext }) => plaintext)).toEqual([sent.plaintext]);
    await settle(await seqs());
    await expectDuplicate(sent);
    expect(await ids()).toEqual([]);
  });

  it("distinguishes messages by recipient, sender and id", async () => {
    const sent = message();
    await append(sent);
    const { from: _, ...anonymous } = sent;
    const others = [{ ...sent, recipient: BOB }, { ...sent, from: "did:web:eve.example" }, { ...sent, id: "other" }, anonymous];
    for (const other of others) expect(await append(other)).toBe("stored");
  });

  it("forgets a message after the deduplication time", async () => {
    const sent = message();
    await append(sent);
    harness.advance(LIMITS.deduplicationMs - 1);
    await expectDuplicate(sent);
    harness.advance(1);
    expect(await append(sent)).toBe("stored");
    expect(await ids()).toHaveLength(2);
  });

  it("stores the same message again if it has another expiry", async () => {
    const first = message({ expires: 1000 });
    await append(first);
    await expectDuplicate(first);
    expect(await append({ ...first, expires: 1005 })).toBe("stored");
    expect(await append({ ...first, expires: undefined })).toBe("stored");
    await expectDuplicate({ ...first, expires: 1005 });
  });

  it("remembers messages of other nodes for longer", async () => {
    const sent = message({ remote: true });
    await append(sent);
    harness.advance(LIMITS.remoteDeduplicationMs - 1);
    await expectDuplicate(sent);
    harness.advance(1);
    expect(await append(sent)).toBe("stored");
  });

  it("reports which messages of other nodes it remembers, pending ones included", async () => {
    const [sent, local] = [message({ remote: true }), message()];
    expect(await harness.inbox.remembers(sent)).toBe(false);
    const storing = append(sent);
    expect(await harness.inbox.remembers(sent)).toBe(true);
    await storing;
    await append(local);
    await (await box()).drop();
    expect(await harness.inbox.remembers(sent)).toBe(true);
    expect(await harness.inbox.remembers(local)).toBe(false);
    expect(await harness.inbox.remembers({ ...sent, from: "did:web:eve.example" })).toBe(false);
  });
}

import { MemoryEnvironment } from "@parley/storage";
import { expect, it } from "vitest";
import { AuditChains } from "../../src/audit/audit-chains.ts";
import { Audit } from "../../src/audit/audit.ts";
import { systemClock } from "../../src/clock.ts";
import type { InboxMessage } from "../../src/inbox/inbox.ts";
import { SigningDids } from "./signing-dids.ts";

const ALICE = "did:web:localhost:alice";
const BOB = "did:web:localhost:bob";
/** Holds its keys itself. */
const CAROL = "did:web:localhost:carol";

it("a sender that only an envelope names gets no entry in its chain", async () => {
  const environment = new MemoryEnvironment();
  const chains = new AuditChains(environment);
  const hosted: readonly string[] = [ALICE, BOB, CAROL];
  const dids = Object.assign(new SigningDids(), {
    has: (did: string) => hosted.includes(did),
    keysAtAgent: (did: string) => did === CAROL,
  });
  const limits = { maxAuditEntries: 100, maxTotalAuditEntries: 100, auditTtlMs: 1e9 };
  const failures: unknown[] = [];
  const audit = new Audit({ chains, dids, clock: systemClock(), limits, onFailure: (error) => failures.push(error) });
  const about = { id: "1", type: "t", thread: undefined, plaintext: "{}" };
  audit.accepted({ ...about, from: ALICE, to: CAROL, isFromProven: false });
  audit.refused({ ...about, from: ALICE, to: CAROL, isFromProven: false }, "expired");
  const inInbox = { ...about, from: ALICE, recipient: CAROL, authorized: true, expiresAt: 1, seq: 1, attempts: 0 } satisfies InboxMessage;
  audit.unhandled(inInbox, "expired");
  await environment.writes.flush();
  expect(chains.agents()).toEqual([]);
  audit.accepted({ ...about, from: ALICE, to: BOB, isFromProven: true });
  audit.unhandled({ ...inInbox, recipient: BOB }, "expired");
  await environment.writes.flush();
  for (const agent of [ALICE, BOB]) expect(chains.read(agent, 0, 10).map(({ kind }) => kind)).toEqual(["accepted", "refused"]);
  expect(failures).toEqual([]);
});

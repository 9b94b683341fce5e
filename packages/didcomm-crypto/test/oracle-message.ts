import { createHash } from "node:crypto";
import type { TestKey } from "./parties.ts";
import type { Curve } from "../src/keys/curve.ts";
import { alice, bob } from "./scenario.ts";

/** What other implementations encrypt and sign for us, and we for them. */
export const text = JSON.stringify({
  id: "1",
  typ: "application/didcomm-plain+json",
  type: "https://didcomm.org/basicmessage/2.0/message",
  from: alice.did,
  to: [bob.did],
  body: { content: "Grüße, 你好 ✨" },
});

/** Both of Bob's keys on a curve. */
export function keysOn(curve: Curve): [TestKey, TestKey] {
  const [first, second] = [...bob.keys.values()].filter((key) => key.curve === curve);
  if (first === undefined || second === undefined) throw new Error("Bob has two keys on each curve");
  return [first, second];
}

/** A protected header according to DIDComm v2.1, without the `epk`, which encryption adds. Created without the code under test. */
export interface ProtectedHeader {
  readonly typ: "application/didcomm-encrypted+json";
  readonly alg: string;
  readonly enc: string;
  readonly apv: string;
  readonly skid?: string;
  readonly apu?: string;
}

export function protectedHeader({
  alg,
  enc,
  to,
  from,
}: {
  alg: string;
  enc: string;
  to: readonly TestKey[];
  from?: TestKey;
}): ProtectedHeader {
  const kids = to.map(({ kid }) => kid).toSorted();
  return {
    typ: "application/didcomm-encrypted+json",
    alg,
    enc,
    apv: createHash("sha256").update(kids.join(".")).digest("base64url"),
    ...(from && { skid: from.kid, apu: Buffer.from(from.kid).toString("base64url") }),
  };
}

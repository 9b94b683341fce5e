import { generateKeyPairSync } from "node:crypto";
import { signCredential } from "@parley/vc";
import { expect, it } from "vitest";
import { CredentialVerifier } from "../../src/credentials/verifier.ts";

const ISSUER = "did:web:slow.example:issuer";

it("verifications of one owner take at most a quarter of the capacity, and the last eighth is reserved for owners without any", async () => {
  const { privateKey } = generateKeyPairSync("ed25519");
  const signed = await signCredential(
    {
      "@context": ["https://www.w3.org/ns/credentials/v2"],
      type: ["VerifiableCredential"],
      issuer: ISSUER,
      credentialSubject: { id: "did:web:a" },
    },
    { key: { kid: `${ISSUER}#key`, privateKey }, format: "compact_jwt" },
  );
  const stop = new AbortController();
  let asked = 0;
  const verifier = new CredentialVerifier({
    // The issuer's host never answers.
    resolver: {
      resolve: (_did, { signal } = {}) => {
        asked += 1;
        return new Promise((_, reject) => {
          signal?.addEventListener("abort", () => reject(signal.reason as Error));
        });
      },
    },
    status: () => Promise.reject(new Error("no status list is asked for")),
    statusMaxAgeMs: 0,
    maxConcurrent: 8,
    timeoutMs: 600_000,
  });
  const running: Promise<unknown>[] = [];
  const begin = (owner: string): void => {
    const verification = verifier.verifyCredential(signed, { owner, signal: stop.signal });
    verification.catch(() => undefined);
    running.push(verification);
  };
  const busy = { code: "busy" };
  for (const owner of ["a", "a", "b", "b", "c", "c"]) begin(owner);
  await expect.poll(() => asked).toBe(6);
  await expect(verifier.verifyCredential(signed, { owner: "a" })).rejects.toMatchObject(busy);
  begin("d");
  await expect.poll(() => asked).toBe(7);
  await expect(verifier.verifyCredential(signed, { owner: "d" })).rejects.toMatchObject(busy);
  begin("e");
  await expect.poll(() => asked).toBe(8);
  await expect(verifier.verifyCredential(signed, { owner: "f" })).rejects.toMatchObject(busy);
  stop.abort(new Error("the test has ended"));
  for (const { status } of await Promise.allSettled(running)) expect(status).toBe("rejected");
});

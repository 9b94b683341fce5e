import { lazily } from "@parley/core/lazily";
import type { ReceiptVerifier } from "@parley/didcomm-agent";
import type { DidResolver } from "@parley/did";
import type { ReadDocument } from "./signed-receipts.ts";

/** Signatures and DID documents are loaded by the first receipt. */
const load = lazily(() => import("./signed-receipts.ts"));

/** Verifies receipts with DID documents that the agent's node resolves. They are cached. */
export function receiptVerifier(read: ReadDocument): ReceiptVerifier {
  let resolver: DidResolver | undefined;
  return async (signed) => {
    const { createNodeResolver, verifySigned } = await load();
    resolver ??= createNodeResolver(read);
    return verifySigned(JSON.stringify(signed), resolver);
  };
}

/** Verifies receipts with DID documents as an agent that holds its keys itself accepts them. Its node is not asked. */
export function agentReceiptVerifier(resolver: () => Promise<DidResolver>): ReceiptVerifier {
  return async (signed) => {
    const { verifySigned } = await load();
    return verifySigned(JSON.stringify(signed), await resolver());
  };
}

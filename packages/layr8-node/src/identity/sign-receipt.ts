import { packSigned } from "@parley/didcomm-crypto";
import { nodeHoldsKeys } from "../network/hosted-resolver.ts";
import type { SignReceipt } from "../routing/respond/receipts.ts";
import type { Dids } from "./dids.ts";

/** Signs receipts with the authentication keys of hosted DIDs. The signer throws StorageError `storage_failed`, `data_dir_unusable`. */
export function receiptSigner(dids: Pick<Dids, "has" | "keysAtAgent" | "privateKey">): SignReceipt {
  return async (receipt) => {
    const { from = "" } = receipt;
    if (!nodeHoldsKeys(from) || !dids.has(from) || dids.keysAtAgent(from)) return undefined;
    const privateKey = await dids.privateKey(from, "signing");
    return privateKey && packSigned(receipt, { kid: `${from}#signing`, privateKey });
  };
}

import * as node from "node:crypto";
import type { CiphersuiteName } from "ts-mls";
import { createNativeCrypto, DEFAULT_SUITE } from "../crypto/create-crypto.ts";
import type { MlsCrypto } from "../crypto/mls-crypto.ts";

/**
 * The cryptography of a cipher suite on node:crypto; what `createCrypto` chooses on Node.
 *
 * @throws MlsError `crypto_unavailable`
 */
export function createNodeCrypto(suite: CiphersuiteName = DEFAULT_SUITE): Promise<MlsCrypto> {
  return createNativeCrypto(node, suite);
}

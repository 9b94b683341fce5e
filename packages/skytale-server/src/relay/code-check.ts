import type { contract } from "@parley/skytale-relay/internal";

/** Result of the check of a client request: passed, or rejected with the code of the response. */
export type CodeCheck = { readonly ok: true } | { readonly ok: false; readonly code: contract.Code };

export const PASSED: CodeCheck = { ok: true };

export function rejected(code: contract.Code): CodeCheck {
  return { ok: false, code };
}

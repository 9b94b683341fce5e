import type { contract } from "@parley/skytale-relay/internal";

/** Result of a check of what a client asks for: passed, or rejected with the code of the answer. */
export type CodeCheck = { readonly ok: true } | { readonly ok: false; readonly code: contract.Code };

export const PASSED: CodeCheck = { ok: true };

export function rejected(code: contract.Code): CodeCheck {
  return { ok: false, code };
}

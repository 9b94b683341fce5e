import type { GroupRow } from "@parley/mls-engine";
import { AUDIT_GAP_ROW } from "../channel/rows.ts";

/** Why an audit chain does not have what was in the log between two of its entries. */
export type AuditGap = "audit_off" | "not_member" | "log_lost" | "too_many";

/** The row that makes the next entry of an audit chain follow a gap. */
export function gapRow(code: AuditGap): GroupRow {
  return { key: AUDIT_GAP_ROW, value: Buffer.from(code) };
}

// For auditors
export { verifyAudit, type AuditExport, type AuditReport, type AuditSide, type VerifyAuditOptions } from "./verify-audit.ts";
export type { AuditFinding, AuditFindingKind } from "./finding.ts";

// For writers of chains
export {
  appendEntry,
  auditText,
  chainStart,
  createSalt,
  hideEntry,
  messageDigest,
  type AuditEntry,
  type AuditEvent,
  type AuditKind,
  type ChainPosition,
  type HiddenEntry,
} from "./entry.ts";
export { isSignedBy, readHead, signHead, type AuditClaim, type AuditCut, type AuditHead, type AuditKey, type AuditSigner } from "./head.ts";
export type { ExportFooter, ExportHeader, ExportLine } from "./export-lines.ts";

/**
 * Header of a POST and of its response between nodes: the signed head of the audit chain of the sender, and of the recipient. Each node records the
 * other's in its own chain.
 */
export const AUDIT_HEAD = "parley-audit-head";

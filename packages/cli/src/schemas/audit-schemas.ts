import type { AuditReport } from "@parley/audit";
import { z } from "zod";
import type { AuditExportOutput, AuditHeadOutput } from "../audit/audit-output.ts";

/** A chain that was exported. */
export const auditExport: z.ZodType<AuditExportOutput> = z.strictObject({ did: z.string(), file: z.string(), bytes: z.number().int() });

/** The signed head of a chain. */
export const auditHead: z.ZodType<AuditHeadOutput> = z.strictObject({ did: z.string(), entries: z.number().int(), head: z.string() });

const finding = z.strictObject({
  kind: z.enum([
    "altered",
    "dropped",
    "truncated",
    "reordered",
    "inserted",
    "spliced",
    "rewritten",
    "unsigned",
    "signature",
    "missing",
    "mismatch",
    "hidden",
  ]),
  side: z.string(),
  seq: z.number().int().optional(),
  last: z.number().int().optional(),
  line: z.number().int().optional(),
  id: z.string().optional(),
  count: z.number().int().optional(),
  detail: z.string(),
});

const side = z.strictObject({
  name: z.string(),
  agent: z.string().optional(),
  channel: z.string().optional(),
  entries: z.number().int(),
  first: z.number().int().optional(),
  last: z.number().int().optional(),
  signedAt: z.string().optional(),
  isKeyKnown: z.boolean(),
  peer: z.string().optional(),
  hidden: z.number().int(),
  removed: z.number().int(),
});

/** What the verification of one or two exports found. */
export const auditReport: z.ZodType<AuditReport> = z.strictObject({
  ok: z.boolean(),
  sides: z.array(side),
  findings: z.array(finding),
  omitted: z.number().int(),
  matched: z.number().int(),
  undecided: z.number().int(),
  undecidedHidden: z.number().int(),
});

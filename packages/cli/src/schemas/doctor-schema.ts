import { z } from "zod";
import type { CheckReport, DoctorReport } from "../doctor/check.ts";
import { exitCode } from "./error-schema.ts";

const check: z.ZodType<CheckReport> = z.strictObject({
  id: z.string(),
  title: z.string(),
  status: z.enum(["ok", "warning", "failed", "skipped"]),
  found: z.string(),
  remedy: z.string().optional(),
  exit: exitCode.optional(),
});

/** The result of `parley doctor`. */
export const doctor: z.ZodType<DoctorReport> = z.strictObject({ ok: z.boolean(), exit: exitCode, checks: z.array(check) });

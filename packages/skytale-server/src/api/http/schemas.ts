import { z } from "zod";

// Forms that several calls share. Names are those of the wire.

/** The body of every error response. */
const errorBody: z.ZodType<{ error: string; code: string }> = z.object({
  error: z.string().describe("What is wrong, for people"),
  code: z.string().describe("What is wrong, for programs"),
});

/** How calls fail. */
export const FAILURES: { readonly "4xx": typeof errorBody; readonly "5xx": typeof errorBody } = { "4xx": errorBody, "5xx": errorBody };

export const nothing: z.ZodType<undefined> = z.undefined();
export const time: z.ZodString = z.string().describe("RFC 3339");
export const label: z.ZodString = z.string().min(1).max(200);
/** Whether it is a channel's name is checked later, with the error text that clients expect. */
export const channel: z.ZodString = z.string().max(1000).describe("Name of the channel: org/namespace/service");
export const inviteId: z.ZodString = bytes(16, 16, "Id of the invite; it follows from its key");
export const requestId: z.ZodString = bytes(16, 16, "Id of the request: 16 random bytes that the joiner chooses");
export const after: z.ZodType<string | undefined> = z
  .string()
  .regex(/^[\w-]{1,128}$/)
  .optional()
  .describe("`next` of the page before");
export const next: z.ZodType<string | undefined> = z.string().optional().describe("Cursor of the next page; absent on the last page");
export const wait: z.ZodType<number> = z.coerce
  .number()
  .min(0)
  .max(3600)
  .default(0)
  .describe("Seconds to wait for news; the server may answer sooner");

/** How many of a list. */
export function limit(most: number): z.ZodType<number> {
  return z.coerce.number().int().min(1).max(most).default(most);
}

/** Bytes as base64url without padding, in the one way in which they can be written. */
export function bytes(min: number, max: number, what: string): z.ZodString {
  return z
    .string()
    .min(textLength(min))
    .max(textLength(max))
    .refine((text) => Buffer.from(text, "base64url").toString("base64url") === text, "is not base64url without padding")
    .describe(`${what}; base64url without padding`);
}

/** Characters of base64url without padding. */
export function textLength(byteLength: number): number {
  return Math.ceil((byteLength * 4) / 3);
}

/** A time as it is written. */
export function timeText(time: number): string {
  return new Date(time).toISOString();
}

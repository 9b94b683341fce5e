import { z } from "zod";

/** Most characters of a channel's name: three components of 128. */
const MAX_NAME = 386;
/** Most hex digits of a key package; typical ones have some hundreds. */
const MAX_KEY_PACKAGE = 65_536;
/** Most hex digits of a Welcome, which has about this size for thousands of members. */
const MAX_WELCOME = 8_000_000;
/** Most characters of a message. The limit of a relay is 1,015,000 bytes. */
const MAX_MESSAGE = 1_000_000;
/** Most MCP hosts time out a tool after 60 seconds. */
const MAX_SECONDS = 50;

function hex(maxLength: number): z.ZodString {
  return z
    .string()
    .regex(/^[0-9a-fA-F]+$/, "must consist of hex digits")
    .max(maxLength)
    .refine((digits) => digits.length % 2 === 0, "must have an even number of hex digits");
}

export const channel: z.ZodString = z
  .string()
  .min(1)
  .max(MAX_NAME)
  .describe("Name of the channel, org/namespace/service, such as acme/team/general.");
export const keyPackage: z.ZodString = hex(MAX_KEY_PACKAGE).describe("The result of skytale_key_package, called by the agent to add.");
export const welcome: z.ZodString = hex(MAX_WELCOME).describe(
  "The result of skytale_add_member, called by the member that added this agent.",
);
export const message: z.ZodString = z.string().min(1).max(MAX_MESSAGE).describe("The text to send.");
export const timeout: z.ZodDefault<z.ZodNumber> = z
  .number()
  .min(0)
  .max(MAX_SECONDS)
  .default(5)
  .describe("Timeout for a first message, in seconds; 0 returns only messages that have arrived.");
export const joinTimeout: z.ZodDefault<z.ZodNumber> = z
  .number()
  .min(0)
  .max(MAX_SECONDS)
  .default(MAX_SECONDS)
  .describe("Timeout for the approval by a member, in seconds.");
export const token: z.ZodString = z.string().min(1).max(1024).describe("The invite token, skt_inv_…");
export const maxUses: z.ZodDefault<z.ZodNumber> = z
  .number()
  .int()
  .min(1)
  .max(1000)
  .default(1)
  .describe("Number of agents that can join with the token.");
export const ttlSeconds: z.ZodDefault<z.ZodNumber> = z
  .number()
  .int()
  .min(1)
  .max(2_592_000)
  .default(3600)
  .describe("Validity of the token, in seconds.");

import { z } from "zod";

/** Characters of a channel's name: three components of 128. */
const MAX_NAME = 386;
/** Hex digits of a key package; they have some hundreds. */
const MAX_KEY_PACKAGE = 65_536;
/** Hex digits of a welcome; it grows with the channel, to about this for thousands of members. */
const MAX_WELCOME = 8_000_000;
/** What a message may have; a relay's own limit is 1,015,000 bytes. */
const MAX_MESSAGE = 1_000_000;
/** Most MCP hosts give up on a tool after 60 seconds. */
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
export const keyPackage: z.ZodString = hex(MAX_KEY_PACKAGE).describe(
  "What skytale_key_package has given to the agent that is to be let in.",
);
export const welcome: z.ZodString = hex(MAX_WELCOME).describe("What skytale_add_member has given to the member that let this agent in.");
export const message: z.ZodString = z.string().min(1).max(MAX_MESSAGE).describe("The text to send.");
export const timeout: z.ZodDefault<z.ZodNumber> = z
  .number()
  .min(0)
  .max(MAX_SECONDS)
  .default(5)
  .describe("Longest wait for a first message, in seconds; 0 takes what is there.");
export const joinTimeout: z.ZodDefault<z.ZodNumber> = z
  .number()
  .min(0)
  .max(MAX_SECONDS)
  .default(MAX_SECONDS)
  .describe("Longest wait for a member to let this agent in, in seconds.");
export const token: z.ZodString = z.string().min(1).max(1024).describe("The invite, skt_inv_…");
export const maxUses: z.ZodDefault<z.ZodNumber> = z.number().int().min(1).max(1000).default(1).describe("How many agents may join by it.");
export const ttlSeconds: z.ZodDefault<z.ZodNumber> = z
  .number()
  .int()
  .min(1)
  .max(2_592_000)
  .default(3600)
  .describe("How long it is good for, in seconds.");

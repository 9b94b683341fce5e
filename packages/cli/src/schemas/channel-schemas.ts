import { z } from "zod";
import type {
  ChannelAuditOutput,
  ChannelMessageOutput,
  ChannelOutput,
  ChannelSentOutput,
  ChannelsOutput,
  InviteOutput,
  LogEntryOutput,
  MembersOutput,
} from "../channels/channel-output.ts";

const sequence = z.int().min(1);

/** A channel that was created, joined or left. */
export const channel: z.ZodType<ChannelOutput> = z.strictObject({ channel: z.string(), identity: z.string() });

/** The channels of an account. */
export const channels: z.ZodType<ChannelsOutput> = z.strictObject({ channels: z.array(z.strictObject({ name: z.string() })) });

/** A message that the relay has stored. */
export const channelSent: z.ZodType<ChannelSentOutput> = z.strictObject({ channel: z.string(), sequence });

/** A received message. */
export const channelMessage: z.ZodType<ChannelMessageOutput> = z.strictObject({
  channel: z.string(),
  id: z.string(),
  sequence,
  sender: z.string(),
  senderKey: z.base64url(),
  recordedAt: z.iso.datetime(),
  text: z.string().optional(),
  data: z.base64url().optional(),
});

/** The members of a channel. */
export const channelMembers: z.ZodType<MembersOutput> = z.strictObject({
  channel: z.string(),
  safetyNumber: z.string(),
  members: z.array(z.strictObject({ name: z.string(), key: z.base64url(), leaf: z.int().min(0) })),
});

/** An audit chain that was exported. */
export const channelAudit: z.ZodType<ChannelAuditOutput> = z.strictObject({
  channel: z.string(),
  identity: z.string(),
  file: z.string(),
  bytes: z.int().min(0),
});

/** A new invite. */
export const invite: z.ZodType<InviteOutput> = z.strictObject({ channel: z.string(), token: z.string() });

/** An entry of a channel's log. */
export const logEntry: z.ZodType<LogEntryOutput> = z.strictObject({
  sequence,
  kind: z.enum(["application", "commit", "proposal", "welcome", "unknown", "evicted"]),
  epoch: z.string(),
  bytes: z.int().min(0),
  recordedAt: z.iso.datetime().optional(),
  payload: z.base64url(),
  evicted: z.int().min(1).optional(),
});

export { SkytaleClient } from "./client.ts";
export type {
  ChannelLimits,
  ChannelOptions,
  CreateChannelOptions,
  JoinChannelOptions,
  SkytaleClientOptions,
  SkytaleClientSettings,
} from "./client-options.ts";
export type { Channel } from "./channel/channel.ts";
export type { AddMemberOptions, RemoveMemberOptions, WaitOptions } from "./wait-options.ts";
export type { ChannelMember, MemberName } from "./channel/channel-member.ts";
export type { ChannelMessage } from "./channel/channel-message.ts";
export type { SendOptions, Sent } from "./channel/send-options.ts";
export type { GrantDifference, MemberChanges, SkippedEntry, SkytaleClientEvents } from "./client-events.ts";
export {
  AuthError,
  ChannelError,
  MlsError,
  TransportError,
  type AuthErrorCode,
  type ChannelErrorCode,
  type MlsErrorCode,
  type TransportErrorCode,
} from "./errors.ts";
export { InviteError, type InviteErrorCode } from "./invites/invite-error.ts";
export { SkytaleChannelManager } from "./manager/manager.ts";
export type { InviteOptions, JoinWithTokenOptions } from "./manager/invite-options.ts";
export type { SkytaleChannelManagerOptions } from "./manager/manager-options.ts";
export type { ReceiveOptions } from "./manager/managed-channel.ts";

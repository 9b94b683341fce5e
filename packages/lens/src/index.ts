export { openLens, type Lens, type LensOptions } from "./open-lens.ts";
export { findLenses, type Announcement, type FoundLens } from "./announcement.ts";
export { readLens, type LensResult } from "./read-lens.ts";
export type {
  BridgeReport,
  BridgesReport,
  ChannelReport,
  ChannelsReport,
  CommitReport,
  DecryptionReport,
  LensReport,
  MemberReport,
  ProblemReport,
  ToolReport,
  UnreadReport,
} from "./report.ts";

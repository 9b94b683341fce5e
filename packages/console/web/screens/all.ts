import type { ComponentType } from "preact";
import { canAct, canRead, info } from "../state/api.ts";
import { hasLenses } from "../state/lens.ts";
import { AgentScreen } from "./agent.tsx";
import { AgentsScreen } from "./agents.tsx";
import { BridgesScreen } from "./bridges.tsx";
import { ChannelScreen } from "./channel.tsx";
import { ChannelsScreen } from "./channels.tsx";
import { CredentialsScreen } from "./credentials.tsx";
import { DoctorScreen } from "./doctor.tsx";
import { FederationScreen } from "./federation.tsx";
import { InvitesScreen } from "./invites.tsx";
import { KeysScreen } from "./keys.tsx";
import { LimitsScreen } from "./limits.tsx";
import { canMaintain, MaintenanceScreen } from "./maintenance.tsx";
import { MembersScreen } from "./members.tsx";
import { MessagesScreen } from "./messages.tsx";
import { OverviewScreen } from "./overview.tsx";
import { PassageScreen } from "./passage.tsx";
import { ProblemsScreen } from "./problems.tsx";
import { SessionsScreen } from "./sessions.tsx";
import { ThreadScreen } from "./thread.tsx";
import { TryScreen } from "./try.tsx";
import { UnreadScreen } from "./unread.tsx";

/** A screen of the console. */
export interface Screen {
  readonly title: string;
  readonly content: ComponentType;
  /** The second key of its shortcut, after `g`. A screen without one is reached by links. */
  readonly key?: string;
  /** Whether the servers answer its question. */
  readonly isThere: () => boolean;
}

const always = (): boolean => true;
const anyReads = (name: string) => (): boolean => info.value?.sources.some(({ reads }) => reads.includes(name)) === true;

/** All screens, by their name in the address. */
export const SCREENS: Readonly<Record<string, Screen>> = {
  overview: { title: "Overview", content: OverviewScreen, key: "o", isThere: always },
  messages: { title: "Messages", content: MessagesScreen, key: "m", isThere: always },
  problems: { title: "Problems", content: ProblemsScreen, key: "p", isThere: always },
  agents: { title: "Agents", content: AgentsScreen, key: "a", isThere: () => canRead("node", "agents") },
  agent: { title: "Agent", content: AgentScreen, isThere: () => canRead("node", "agent") },
  thread: { title: "Thread", content: ThreadScreen, isThere: always },
  passage: { title: "Would it pass?", content: PassageScreen, key: "w", isThere: () => canRead("node", "passage") },
  federation: { title: "Federation", content: FederationScreen, key: "f", isThere: () => canRead("node", "federation") },
  credentials: { title: "Credentials", content: CredentialsScreen, key: "v", isThere: () => canRead("node", "credentials") },
  channels: { title: "Channels", content: ChannelsScreen, key: "c", isThere: () => canRead("skytale", "channels") },
  channel: { title: "Channel log", content: ChannelScreen, isThere: () => canRead("skytale", "channel") },
  invites: { title: "Invites and joins", content: InvitesScreen, key: "i", isThere: () => canRead("skytale", "invites") },
  members: { title: "Members and epochs", content: MembersScreen, key: "e", isThere: hasLenses },
  unread: { title: "Unread", content: UnreadScreen, key: "u", isThere: hasLenses },
  bridges: { title: "Bridges", content: BridgesScreen, key: "b", isThere: hasLenses },
  limits: { title: "Limits", content: LimitsScreen, key: "l", isThere: anyReads("limits") },
  keys: { title: "API keys", content: KeysScreen, key: "k", isThere: () => canRead("node", "keys") || canRead("skytale", "accounts") },
  maintenance: { title: "Maintenance", content: MaintenanceScreen, key: "n", isThere: canMaintain },
  try: { title: "Try it", content: TryScreen, key: "t", isThere: () => canAct("dev", "request") },
  doctor: { title: "Doctor", content: DoctorScreen, key: "d", isThere: () => canRead("dev", "doctor") },
  sessions: { title: "Sessions", content: SessionsScreen, key: "s", isThere: always },
};

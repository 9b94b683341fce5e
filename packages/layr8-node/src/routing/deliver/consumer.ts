import type { InboxMessage } from "../../inbox/inbox.ts";

/** One connection of an agent. */
export interface Consumer {
  /** The API key of its agent. */
  readonly owner?: string | undefined;
  readonly writable: boolean;
  /** When the last data of the agent arrived, on the monotonic clock. */
  readonly lastHeardAt: number;
  /** When the last DID was bound on its link, on the monotonic clock. */
  readonly quietSince: number;
  /** Whether its agent acknowledges every delivery, responses to its requests included. Agents of other SDKs don't acknowledge those. */
  readonly acknowledgesResponses: boolean;
  /** Whether its agent reports outcomes: then it returns `pass` for responses that no request waits for. */
  readonly replies: boolean;
  deliver(message: InboxMessage, attempt: number): void;
  /** Resolves once the agent has received everything delivered so far. */
  confirm(): Promise<void>;
  /** Sends a delivery that may break the link, when no other such delivery is in flight on it. */
  probe(probe: Probe): void;
  /** Called when newer connections have taken over all its protocols. */
  takenOver(): void;
  /** Called when the credentials stored for its DID have changed. */
  walletChanged?(): void;
}

/** A delivery that may break the link. */
export interface Probe {
  /** Those that have broken fewer links are sent first, then smaller ones. */
  readonly strikes: number;
  readonly bytes: number;
  /** Sends the delivery. Returns `false` if the message has left the inbox or can't be sent now. */
  send(): boolean;
  /** The agent has received the delivery. The next probe waits until `release` is called. */
  arrived(release: () => void): void;
}

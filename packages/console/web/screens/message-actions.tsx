import type { JSX } from "preact";
import { Badge, Did, Empty, Waiting } from "../parts/basics.tsx";
import { Confirm } from "../parts/confirm.tsx";
import { ago, plural, shortType } from "../parts/format.ts";
import { act, canAct, canRead, readPath } from "../state/api.ts";
import { useRead } from "../state/use-read.ts";
import { type OutboundRow, PurgeOutbound } from "./outbound.tsx";

/** A message that waits in an inbox. */
export interface WaitingMessage {
  readonly did: string;
  readonly seq: number;
  readonly id: string;
  readonly type: string;
  readonly from?: string;
  readonly attempts: number;
  readonly expiresAt: number;
}

/** A message that failed permanently. */
export interface Letter {
  readonly id: number;
  /** The agent of this node that it belongs to. */
  readonly did: string;
  readonly direction: "inbound" | "outbound";
  readonly code: string;
  readonly reason: string;
  readonly failedAt: number;
  readonly messageId: string;
  readonly type: string;
  readonly from?: string;
  readonly to: string;
  readonly thread?: string;
}

/** Delivers a waiting message again, or removes it. */
export function InboxActions(props: {
  message: Pick<WaitingMessage, "did" | "seq" | "id" | "type" | "from">;
  isConnected: boolean;
  onDone: () => void;
}): JSX.Element {
  const { message, isConnected, onDone } = props;
  const { did, seq, id, type, from = "an unknown sender" } = message;
  const run = async (action: string): Promise<void> => {
    await act("node", action, { did, seq: String(seq), id });
    onDone();
  };
  return (
    <span class="tools">
      {isConnected && canAct("node", "redeliver-message") && (
        <Confirm
          label="Redeliver"
          question={`Deliver ${shortType(type)} again now?`}
          isDangerous={false}
          onYes={() => run("redeliver-message")}
        >
          <p>{did} gets it again without waiting for its acknowledgement. An agent that handles it now may handle it twice.</p>
        </Confirm>
      )}
      {canAct("node", "purge-message") && (
        <Confirm label="Purge" question={`Remove ${shortType(type)} from the inbox of ${did}?`} onYes={() => run("purge-message")}>
          <p>
            The message {id} from {from} can't be restored. Its sender gets no report.
          </p>
        </Confirm>
      )}
    </span>
  );
}

/** Sends a dead letter again, or removes it. */
export function LetterActions({ letter, onDone }: { letter: Letter; onDone: () => void }): JSX.Element {
  const { id, direction, messageId, type, from = "an unknown sender", to } = letter;
  const run = async (action: string): Promise<void> => {
    await act("node", action, { id: String(id) });
    onDone();
  };
  return (
    <span class="tools">
      {canAct("node", "replay-dead-letter") && (
        <Confirm
          label="Replay"
          question={`Send ${shortType(type)} to ${to} again?`}
          isDangerous={false}
          onYes={() => run("replay-dead-letter")}
        >
          <p>
            It goes {direction === "inbound" ? "into the inbox of the recipient" : "into the queue for the other node"} with its id and a
            new lifetime, and leaves the dead letters. Policies are not evaluated again.
          </p>
        </Confirm>
      )}
      {canAct("node", "purge-dead-letter") && (
        <Confirm label="Purge" question={`Remove the dead letter ${shortType(type)}?`} onYes={() => run("purge-dead-letter")}>
          <p>
            The message {messageId} from {from} to {to} can't be restored. Its sender got its report when it failed.
          </p>
        </Confirm>
      )}
    </span>
  );
}

interface Found {
  readonly inboxes: readonly (WaitingMessage & { readonly isConnected: boolean })[];
  readonly deadLetters: readonly Letter[];
  readonly outbound: readonly OutboundRow[];
}

/** Whether {@link MessageState} can be asked for. */
export function canFindMessages(): boolean {
  return canRead("node", "find-message");
}

/** Where a message is now, and what can be done with it. */
export function MessageState({ id, dids }: { id: string; dids: readonly string[] }): JSX.Element {
  const { value, error, reload } = useRead<Found>(readPath("node", "find-message", { id, dids: dids.join(" ") }));
  if (value === undefined) return <Waiting error={error} />;
  const { inboxes, deadLetters, outbound } = value;
  if (inboxes.length + deadLetters.length + outbound.length === 0)
    return <Empty>It no longer waits in this node: it was acknowledged, sent to another node, purged, or failed and was not kept.</Empty>;
  return (
    <ul class="list">
      {inboxes.map((message) => (
        <li key={message.did}>
          <Badge tone="warning">waits</Badge> for <Did did={message.did} />,{" "}
          {plural(message.attempts, "failed delivery", "failed deliveries")}, expires {ago(message.expiresAt)}{" "}
          <InboxActions message={message} isConnected={message.isConnected} onDone={reload} />
        </li>
      ))}
      {outbound.map((message) => (
        <li key={message.seq}>
          <Badge tone="warning">waits</Badge> for the node of <Did did={message.recipient} />, expires {ago(message.expiresAt)}{" "}
          <PurgeOutbound message={message} onDone={reload} />
        </li>
      ))}
      {deadLetters.map((letter) => (
        <li key={letter.id}>
          <Badge tone="bad">dead letter</Badge> for <Did did={letter.to} />: {letter.reason}{" "}
          <LetterActions letter={letter} onDone={reload} />
        </li>
      ))}
    </ul>
  );
}

import type { Attachment, Message } from "@parley/core";
import { warnOnce } from "@parley/core/eager";
import {
  credentialAttachment,
  isIdentityAttachment,
  type GrantWallet,
  type SelectGrants,
  type UnsuitableGrant,
} from "@parley/credentials-client";
import type { ProblemReportError } from "@parley/didcomm-agent";
import { callListener } from "./call-listener.ts";
import { RecentMessages } from "./recent-messages.ts";
import { SENDER_PRESENTATION } from "./sender-presentation.ts";

/** A message that was sent without a grant that it may have needed. Exactly one of `denialCode`, `error` and `capped` is set. */
export interface GrantMissInfo {
  readonly to: readonly string[];
  readonly type: string;
  /** The recipient's node denied the message, to which no grant was attached: the problem code. */
  readonly denialCode?: string;
  /** With `denialCode`: why each grant in the agent's store does not cover the message. Absent for an empty store. */
  readonly unsuitable?: readonly UnsuitableGrant[];
  /** The grants in the agent's store could not be read. The message was sent without them. */
  readonly error?: unknown;
  /** More grants cover the message than are attached. */
  readonly capped?: { readonly covering: number; readonly attached: number };
}

/** Code of a denial. */
const DENIED = "e.m.authz.denied";

/** Options of {@link GrantAttacher}. */
export interface GrantAttacherOptions {
  readonly wallet: GrantWallet;
  readonly onGrantMiss: ((miss: GrantMissInfo) => unknown) | undefined;
  /** `onGrantMiss` has failed. */
  readonly onFailure: (error: unknown) => void;
}

/**
 * Attaches the grants that an agent holds to its messages. The recipient's node decides; a message goes out whether grants are attached or not.
 *
 * @see layr8/node-sdk, src/wallet.ts and tests/attach-grants.test.ts
 */
export class GrantAttacher {
  readonly #options: GrantAttacherOptions;
  /** Messages without a grant, until they are denied. */
  readonly #unattached = new RecentMessages();

  constructor(options: GrantAttacherOptions) {
    this.#options = options;
  }

  /**
   * The message with its grants: those that its holder has stored and that cover it. Attachments of the program replace them, unless all of those identify
   * the sender. At once if the grants are cached.
   */
  attach(message: Message, holder: string): Message | Promise<Message> {
    const { attachments = [] } = message;
    if (!attachments.every(identifiesSender)) return message;
    const grants = this.#options.wallet.of(holder);
    return grants instanceof Promise ? this.#attachLater(message, grants) : this.#attachSelected(message, grants);
  }

  /** Reports a denial of a message that had no grant. */
  denied({ code }: ProblemReportError, { threadId, parentThreadId }: Message): void {
    if (code !== DENIED) return;
    const denied = this.#unattached.take(parentThreadId) ?? this.#unattached.take(threadId);
    if (denied === undefined) return;
    const { to, type } = denied;
    const unsuitable = denied.explain();
    this.#miss({ to, type, denialCode: code, ...(unsuitable.length > 0 && { unsuitable }) });
  }

  async #attachLater(message: Message, reading: Promise<SelectGrants>): Promise<Message> {
    let grants: SelectGrants;
    try {
      grants = await reading;
    } catch (error) {
      warnOnce("PARLEY_GRANTS_UNREAD", "The grants of this agent could not be read from its node: its messages are sent without them");
      this.#miss({ to: message.to, type: message.type, error });
      return message;
    }
    return this.#attachSelected(message, grants);
  }

  #attachSelected(message: Message, select: SelectGrants): Message {
    const { to, type, id, threadId = id } = message;
    const { attached, covering, explain } = select(message);
    if (attached.length < covering) this.#miss({ to, type, capped: { covering, attached: attached.length } });
    if (attached.length > 0) {
      const attachments = attached.map((grant) => credentialAttachment(grant.id, grant.signed));
      return { ...message, attachments: [...(message.attachments ?? []), ...attachments] };
    }
    if (this.#options.onGrantMiss !== undefined) this.#unattached.add(threadId, { to, type, explain });
    return message;
  }

  #miss(miss: GrantMissInfo): void {
    const { onGrantMiss, onFailure } = this.#options;
    if (onGrantMiss !== undefined) callListener(onGrantMiss, miss, onFailure);
  }
}

/** Whether an attachment identifies the sender. */
function identifiesSender(attachment: Attachment): boolean {
  return attachment.format === SENDER_PRESENTATION || isIdentityAttachment(attachment);
}

/** What `parley agents list --json` prints. */
export interface AgentsOutput {
  readonly total: number;
  readonly agents: readonly {
    readonly did: string;
    readonly isConnected: boolean;
    readonly storage: string;
    /** Name of the API key that created it. */
    readonly key: string;
    /** Messages in its inbox. */
    readonly waiting: number;
  }[];
}

/** What `parley accounts list --json` prints. */
export interface AccountsOutput {
  readonly accounts: readonly {
    readonly id: string;
    readonly email: string;
    readonly name: string;
    readonly createdAt: string;
    readonly storedBytes: number;
    readonly keys: number;
  }[];
}

/** What `parley keys list --json` prints: API keys without the keys themselves. */
export interface KeysOutput {
  readonly keys: readonly {
    readonly id: string;
    readonly name: string;
    readonly createdAt: string;
    /** The DIDs that it may bind, at a node. */
    readonly rule?: string | undefined;
    /** Its account, at a skytale server. */
    readonly account?: string | undefined;
  }[];
}

/** What `parley keys create --json` prints. The key can't be printed again. */
export interface CreatedKeyOutput {
  readonly id: string;
  readonly key: string;
}

/** What `parley inbox --json` prints. */
export interface InboxOutput {
  readonly did: string;
  readonly waiting: number;
  /** The first of them. */
  readonly messages: readonly {
    readonly seq: number;
    readonly id: string;
    readonly type: string;
    readonly from?: string | undefined;
    readonly attempts: number;
    readonly expiresAt: string;
  }[];
}

/** What `parley outbound list --json` prints. */
export interface OutboundOutput {
  readonly total: number;
  /** Senders and recipients with waiting messages; the first 200. */
  readonly pairs: readonly {
    readonly from: string;
    readonly to: string;
    readonly waiting: number;
    /** Failed tries of the first message. */
    readonly failures: number;
    /** Why the last one failed. */
    readonly reason?: string | undefined;
  }[];
}

/** What `parley outbound list <from> <to> --json` prints. */
export interface OutboundMessagesOutput {
  readonly from: string;
  readonly to: string;
  /** The first 200. */
  readonly messages: readonly {
    readonly seq: number;
    /** Absent if the record of the message is damaged. */
    readonly id?: string | undefined;
    readonly type?: string | undefined;
    readonly expiresAt: string;
    /** Whether it is in a request to the other node at this moment. */
    readonly isBeingSent: boolean;
  }[];
}

/** What `parley dead-letters list --json` prints. */
export interface DeadLettersOutput {
  readonly total: number;
  /** The latest of them, newest first. */
  readonly deadLetters: readonly DeadLetterOutput[];
}

/** A message that failed permanently. */
export interface DeadLetterOutput {
  readonly id: number;
  readonly direction: "inbound" | "outbound";
  readonly messageId: string;
  readonly type: string;
  readonly from?: string | undefined;
  readonly to: string;
  readonly code: string;
  readonly reason: string;
  readonly failedAt: string;
  /** Only from `show`, and if the server shows bodies. */
  readonly plaintext?: string | undefined;
}

/** What commands that change a server print with `--json`. */
export interface ChangedOutput {
  /** Name of the action, such as `delete-agent`. */
  readonly action: string;
  readonly server: "node" | "skytale";
  /** What the server answered. */
  readonly result: unknown;
}

/** What `parley backup --json` and `parley restore --json` print. */
export interface BackupOutput {
  readonly server: "node" | "skytale";
  readonly directory: string;
}

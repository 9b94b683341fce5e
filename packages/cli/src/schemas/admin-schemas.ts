import { z } from "zod";
import type {
  AccountsOutput,
  AgentsOutput,
  BackupOutput,
  ChangedOutput,
  CreatedKeyOutput,
  DeadLetterOutput,
  DeadLettersOutput,
  InboxOutput,
  KeysOutput,
  OutboundMessagesOutput,
  OutboundOutput,
} from "../admin/admin-output.ts";

const count = z.int().min(0);
const server = z.enum(["node", "skytale"]);

/** The agents of a node. */
export const agents: z.ZodType<AgentsOutput> = z.strictObject({
  total: count,
  agents: z.array(z.strictObject({ did: z.string(), isConnected: z.boolean(), storage: z.string(), key: z.string(), waiting: count })),
});

/** The accounts of a skytale server. */
export const accounts: z.ZodType<AccountsOutput> = z.strictObject({
  accounts: z.array(
    z.strictObject({
      id: z.string(),
      email: z.string(),
      name: z.string(),
      createdAt: z.iso.datetime(),
      storedBytes: count,
      keys: count,
    }),
  ),
});

/** The API keys of a server. */
export const apiKeys: z.ZodType<KeysOutput> = z.strictObject({
  keys: z.array(
    z.strictObject({
      id: z.string(),
      name: z.string(),
      createdAt: z.iso.datetime(),
      rule: z.string().optional(),
      account: z.string().optional(),
    }),
  ),
});

/** A new API key. */
export const createdKey: z.ZodType<CreatedKeyOutput> = z.strictObject({ id: z.string(), key: z.string() });

/** The messages that wait for an agent. */
export const inbox: z.ZodType<InboxOutput> = z.strictObject({
  did: z.string(),
  waiting: count,
  messages: z.array(
    z.strictObject({
      seq: z.int().min(1),
      id: z.string(),
      type: z.string(),
      from: z.string().optional(),
      attempts: count,
      expiresAt: z.iso.datetime(),
    }),
  ),
});

/** What waits for other nodes, by sender and recipient. */
export const outbound: z.ZodType<OutboundOutput> = z.strictObject({
  total: count,
  pairs: z.array(z.strictObject({ from: z.string(), to: z.string(), waiting: count, failures: count, reason: z.string().optional() })),
});

/** The messages of one sender to one recipient that wait for another node. */
export const outboundMessages: z.ZodType<OutboundMessagesOutput> = z.strictObject({
  from: z.string(),
  to: z.string(),
  messages: z.array(
    z.strictObject({
      seq: z.int().min(1),
      id: z.string().optional(),
      type: z.string().optional(),
      expiresAt: z.iso.datetime(),
      isBeingSent: z.boolean(),
    }),
  ),
});

const letter = z.strictObject({
  id: z.int().min(1),
  direction: z.enum(["inbound", "outbound"]),
  messageId: z.string(),
  type: z.string(),
  from: z.string().optional(),
  to: z.string(),
  code: z.string(),
  reason: z.string(),
  failedAt: z.iso.datetime(),
  plaintext: z.string().optional(),
});

/** A message that failed permanently. */
export const deadLetter: z.ZodType<DeadLetterOutput> = letter;

/** Messages that failed permanently. */
export const deadLetters: z.ZodType<DeadLettersOutput> = z.strictObject({ total: count, deadLetters: z.array(letter) });

/** A change of a server. */
export const changed: z.ZodType<ChangedOutput> = z.strictObject({ action: z.string(), server, result: z.unknown() });

/** A backup, or a restored data directory. */
export const backup: z.ZodType<BackupOutput> = z.strictObject({ server, directory: z.string() });

import type { z } from "zod";
import {
  accounts,
  agents,
  apiKeys,
  backup,
  changed,
  createdKey,
  deadLetter,
  deadLetters,
  inbox,
  outbound,
  outboundMessages,
} from "./admin-schemas.ts";
import { auditExport, auditHead, auditReport } from "./audit-schemas.ts";
import { bridge } from "./bridge-schema.ts";
import { channel, channelAudit, channelMembers, channelMessage, channels, channelSent, invite, logEntry } from "./channel-schemas.ts";
import { completion } from "./completion-schema.ts";
import { contexts } from "./context-schema.ts";
import { credentialStatus, signedCredential, storedCredential, verifiedCredential, wallet } from "./credential-schemas.ts";
import { devEvent, devReady } from "./dev-schemas.ts";
import { didDocument } from "./did-schema.ts";
import { doctor } from "./doctor-schema.ts";
import { error } from "./error-schema.ts";
import { inspected } from "./inspect-schema.ts";
import { message, ping, receipt, sent } from "./message-schemas.ts";

/** The schemas of everything that commands print with `--json`, by the name of their file in `schemas/`. */
export const OUTPUT_SCHEMAS: Readonly<Record<string, z.ZodType>> = {
  error,
  "dev-ready": devReady,
  "dev-event": devEvent,
  doctor,
  contexts,
  completion,
  "did-document": didDocument,
  message,
  sent,
  receipt,
  ping,
  channel,
  channels,
  "channel-sent": channelSent,
  "channel-message": channelMessage,
  "channel-members": channelMembers,
  "channel-audit": channelAudit,
  invite,
  "log-entry": logEntry,
  "signed-credential": signedCredential,
  "credential-status": credentialStatus,
  "verified-credential": verifiedCredential,
  "stored-credential": storedCredential,
  wallet,
  "audit-export": auditExport,
  "audit-head": auditHead,
  "audit-report": auditReport,
  inspected,
  agents,
  accounts,
  "api-keys": apiKeys,
  "created-key": createdKey,
  inbox,
  outbound,
  "outbound-messages": outboundMessages,
  "dead-letter": deadLetter,
  "dead-letters": deadLetters,
  changed,
  backup,
  bridge,
};

import { protocolOf } from "@parley/core";
import type { AdminParameters } from "@parley/server-kit";
import { isDid } from "@parley/did";
import { isBuiltin } from "../routing/respond/builtin-protocols.ts";
import type { PolicyDecision } from "../routing/authorize/policy.ts";
import type { SenderCredential } from "../routing/authorize/sender-presentation.ts";
import type { NodeView } from "./node-view.ts";

/** One step that a message passes, or where it stops. */
interface PassageStep {
  readonly step: string;
  readonly status: "ok" | "stop" | "note";
  readonly found: string;
}

/** Would this message get through? Asks the parts of the node that decide, and changes nothing. */
export function readPassage(view: NodeView, { from = "", to = "", type = "", size = "", credentials = "" }: AdminParameters): unknown {
  const { stores, limits, router, federation, policies } = view;
  const steps: PassageStep[] = [];
  const add = (step: string, isOk: boolean, found: string): void => void steps.push({ step, status: isOk ? "ok" : "stop", found });
  const note = (step: string, found: string): void => void steps.push({ step, status: "note", found });

  if (!isDid(from)) add("Sender", false, "this is not a DID");
  else if (stores.dids.has(from)) add("Sender", true, "it is hosted here");
  else note("Sender", "it is not hosted here: an agent must join as it, or the message comes from another node");

  if (protocolOf(type) === undefined)
    add("Type", false, "a message type is a protocol, a slash and a name, such as https://example.com/orders/1.0/request");
  else add("Type", true, `its protocol is ${protocolOf(type)}`);

  const length = Number(size || 0);
  add("Size", length <= limits.maxMessageLength, `${length} of ${limits.maxMessageLength} characters`);

  const isHosted = stores.dids.has(to);
  if (isHosted) add("Recipient", true, "it is hosted here");
  else {
    const remote = isDid(to) ? federation().remote.check(from, to) : undefined;
    if (remote === undefined) add("Recipient", false, "this is not a DID");
    else if (remote.ok) add("Recipient", true, "it is on another node; that node decides about policies and handlers");
    else add("Recipient", false, remote.rejection.reason);
  }
  if (isHosted) {
    const given = readCredentials(credentials, from);
    const explained = policies.explain({ sender: from, recipient: to, type, credentials: given });
    if (explained.length === 0) note("Policies", "no policy applies: every sender is accepted");
    for (const { index, did, decision } of explained) {
      add(`Policy ${index + 1} (for ${did})`, decision.kind === "authorized" || decision.kind === "flagged", sentenceOf(decision));
    }
    const { mailboxes } = router();
    const message = { id: "console", type, thread: undefined, parentThread: undefined };
    if (!mailboxes.isConnected(to)) note("Handler", "no agent of the recipient is connected: the message would wait in its inbox");
    else if (mailboxes.wouldTake(to, message)) add("Handler", true, "a connected agent handles it");
    else if (isBuiltin({ type })) add("Handler", true, "the node answers it");
    else add("Handler", false, `connected, and bound to ${[...mailboxes.protocolsOf(to)].join(", ") || "no protocol"} only`);
    const { messages } = stores.inbox.usage(to);
    add("Room", messages < limits.maxInboxMessages, `${messages} of ${limits.maxInboxMessages} messages wait in its inbox`);
  }
  return { passes: steps.every(({ status }) => status !== "stop"), steps };
}

function sentenceOf(decision: PolicyDecision): string {
  switch (decision.kind) {
    case "authorized":
      return "it accepts the sender";
    case "flagged":
      return "it does not accept the sender, and lets the agent decide";
    case "denied":
      return "it denies the sender";
    default:
      return `it requires ${decision.missing.map(({ type, issuers }) => `${type} of ${issuers.join(" or ")}`).join(", and ")}`;
  }
}

/** Credentials as the form writes them: `EmployeeCredential@did:web:acme.example`, separated by spaces. */
function readCredentials(text: string, subject: string): SenderCredential[] {
  return text
    .split(/[\s,]+/)
    .filter(Boolean)
    .map((entry) => {
      const [type = "", issuer = ""] = entry.split("@");
      return { types: [type], issuer, subject: { id: subject } };
    });
}

import { protocolOf } from "@parley/core";
import type { AdminParameters } from "@parley/server-kit";
import { isDid } from "@parley/did";
import { isBuiltin } from "../routing/respond/builtin-protocols.ts";
import type { AttachedCredential } from "../routing/authorize/grants/attached-credentials.ts";
import { GrantCache } from "../routing/authorize/grants/grant-cache.ts";
import { MessageGrants } from "../routing/authorize/grants/message-grants.ts";
import type { AccessRequest, ExplainedPolicy, PolicyDecision } from "../routing/authorize/policy.ts";
import type { SenderCredential } from "../routing/authorize/sender-presentation.ts";
import type { NodeView } from "./node-view.ts";

/** One step that a message passes, or where it stops. */
interface PassageStep {
  readonly step: string;
  readonly status: "ok" | "stop" | "note";
  readonly found: string;
}

/** Would this message get through? Asks the parts of the node that decide, and changes nothing. */
export async function readPassage(view: NodeView, parameters: AdminParameters): Promise<unknown> {
  const { from = "", to = "", type = "", size = "", credentials = "", grants = "" } = parameters;
  const { stores, limits, router, federation } = view;
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
  add("Size", length <= limits.maxMessageLength, `${counted(length)} of ${counted(limits.maxMessageLength)} characters`);

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
    const explained = await explainPolicies(view, { sender: from, recipient: to, type, credentials: given }, readGrants(grants));
    if (explained.length === 0) note("Policies", "no policy applies: every sender is accepted");
    for (const { index, did, decision } of explained) {
      add(`Policy ${index + 1} (for ${did})`, decision.kind === "authorized" || decision.kind === "flagged", sentenceOf(decision));
      if (decision.kind !== "ungranted") continue;
      for (const { attachment, code, detail } of decision.refusal.considered) note(attachment, `${detail} (${code})`);
    }
    const { mailboxes } = router();
    const message = { id: "console", type, thread: undefined, parentThread: undefined };
    if (!mailboxes.isConnected(to)) note("Handler", "no agent of the recipient is connected: the message would wait in its inbox");
    else if (mailboxes.wouldTake(to, message)) add("Handler", true, "a connected agent handles it");
    else if (isBuiltin({ type })) add("Handler", true, "the node answers it");
    else add("Handler", false, `connected, and bound to ${[...mailboxes.protocolsOf(to)].join(", ") || "no protocol"} only`);
    const { messages } = stores.inbox.usage(to);
    add(
      "Room",
      messages < limits.maxInboxMessages,
      `${counted(messages)} of ${counted(limits.maxInboxMessages)} messages wait in its inbox`,
    );
  }
  return { passes: steps.every(({ status }) => status !== "stop"), steps };
}

/** Explains the policies after grants that they depend on are verified. */
async function explainPolicies(
  { policies, verifier }: NodeView,
  request: Omit<AccessRequest, "grants">,
  attached: readonly AttachedCredential[],
): Promise<readonly ExplainedPolicy[]> {
  const grants = new MessageGrants(attached, new GrantCache({ maxAgeMs: 0, now: () => 0 }));
  const explained = policies.explain({ ...request, grants });
  if (!grants.mustVerify) return explained;
  await grants.verify(verifier(), "console");
  return policies.explain({ ...request, grants });
}

function sentenceOf(decision: PolicyDecision): string {
  switch (decision.kind) {
    case "authorized":
      return "it accepts the sender";
    case "flagged":
      return "it does not accept the sender, and lets the agent decide";
    case "denied":
      if (decision.because === "encrypted") return "it forbids messages that agents have encrypted";
      return decision.because === undefined ? "it denies the sender" : "it requires messages that agents have encrypted";
    case "ungranted":
      return decision.refusal.considered.length === 0
        ? `it requires a grant of ${decision.refusal.issuers.join(" or ")}`
        : `it requires a grant of ${decision.refusal.issuers.join(" or ")}, and none of those given permits the message`;
    default:
      return `it requires ${decision.missing.map(({ type, issuers }) => `${type} of ${issuers.join(" or ")}`).join(", and ")}`;
  }
}

/** Signed grants, separated by spaces. */
function readGrants(text: string): AttachedCredential[] {
  return text
    .split(/[\s,]+/)
    .filter(Boolean)
    .map((signed, index) => ({ id: `Grant ${index + 1}`, signed }));
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

/** A number for people. */
function counted(value: number): string {
  return value.toLocaleString("en-US");
}

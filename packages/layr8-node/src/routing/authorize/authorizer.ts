import type { Clock } from "../../clock.ts";
import type { RoutedMessage } from "../routed-message.ts";
import { PASSED, rejected, type AcceptResult, type CheckResult, type Rejected } from "../rejection.ts";
import type { MessageStore } from "../store/message-store.ts";
import type { GrantCache } from "./grants/grant-cache.ts";
import { MessageGrants, NO_GRANTS, type ConsideredGrant, type GrantEvidence, type GrantVerifier } from "./grants/message-grants.ts";
import { DENIED, type GrantRefusal, type Policies } from "./policy.ts";
import type { CredentialDemand } from "./policy-options.ts";
import { SenderOrder } from "./sender-order.ts";
import {
  presentationsOf,
  senderCredentialsJson,
  verifySender,
  type PresentationVerifier,
  type SenderCredential,
  type SenderVerification,
} from "./sender-presentation.ts";

/** Options of {@link Authorizer}. */
export interface AuthorizerOptions {
  readonly policies: Policies;
  /** Verifiers of presentations and grants, of local agents and of agents on other nodes. */
  readonly verifiers: { readonly local: SenderVerifier; readonly remote: SenderVerifier };
  readonly grantCache: GrantCache;
  readonly store: MessageStore;
  /** Whether a DID is hosted here. */
  readonly isHosted: (did: string) => boolean;
  readonly clock: Clock;
}

/** Verifies what senders present with their messages. */
export interface SenderVerifier extends PresentationVerifier, GrantVerifier {}

/** Result of {@link Authorizer.authorize}. Missing credentials and grants are reported to the sender on the message's thread. */
export type AuthorizationResult =
  | { readonly ok: true }
  | Rejected
  | { readonly ok: false; readonly recipient: string; readonly missing: readonly CredentialDemand[] }
  | { readonly ok: false; readonly recipient: string; readonly refusal: GrantRefusal };

const NO_CREDENTIALS: SenderVerification & { readonly ok: true } = { ok: true, credentials: [] };
const NOTHING_PRESENTED: Promise<SenderVerification> = Promise.resolve(NO_CREDENTIALS);
const TOO_MANY_WAITING = rejected({
  label: "rate_limited",
  reason: "rate limited: too many messages wait until earlier credentials are verified",
  code: "e.p.me.res.rate",
});

/** Decides whether a sender may send a message to its recipients: either all of them get it or none. */
export class Authorizer {
  readonly #options: AuthorizerOptions;
  readonly #order = new SenderOrder();

  constructor(options: AuthorizerOptions) {
    this.#options = options;
  }

  /** Checks addresses and expiry of a message, and whether its recipients can be reached and have room. Needs no storage. */
  check(inbound: RoutedMessage): CheckResult {
    const { sender, recipients, message } = inbound;
    if (message.from !== sender) {
      const comment = message.from === undefined ? "from is missing" : "from is not the DID that this channel is joined as";
      return rejected({ label: "unauthorized", reason: "unauthorized", code: "e.m.authz.from", comment });
    }
    if (recipients.length === 0) return rejected({ label: "malformed", reason: "malformed message: to names no recipient" });
    const { clock, store } = this.#options;
    if (message.expiresTime !== undefined && message.expiresTime * 1000 <= clock.expiry()) {
      return rejected({ label: "expired", reason: "message expired" });
    }
    for (const recipient of recipients) {
      const checked = store.check(inbound, recipient);
      if (!checked.ok) return checked;
    }
    return PASSED;
  }

  /**
   * Verifies the sender's presentation and grants, and applies the policies of the recipients hosted here. While it verifies, later messages of
   * the same sender wait, so that they are passed to `next` in order. A grant that was verified before costs no wait.
   */
  authorize(
    inbound: RoutedMessage,
    next: (inbound: RoutedMessage, authorized: AuthorizationResult) => AcceptResult | Promise<AcceptResult>,
  ): AcceptResult | Promise<AcceptResult> {
    const { sender, recipients, message, owner, remote } = inbound;
    const { isHosted, verifiers, policies, grantCache } = this.#options;
    let presented = presentationsOf(message);
    // Presentations to recipients on other nodes are verified there.
    if (presented !== undefined && !recipients.some(isHosted)) presented = undefined;
    const grants = policies.considerGrants ? MessageGrants.of(message, grantCache) : undefined;
    const unverified = grants !== undefined && this.#mustVerify(inbound, grants) ? grants : undefined;
    if (presented === undefined && unverified === undefined && !this.#order.isWaiting(sender)) {
      return next(inbound, this.#judge(inbound, NO_CREDENTIALS.credentials, grants));
    }
    if (this.#order.isFull(sender)) return next(inbound, TOO_MANY_WAITING);
    const verifier = remote ? verifiers.remote : verifiers.local;
    const presenting = presented === undefined ? NOTHING_PRESENTED : verifySender(message, presented, recipients, { verifier, owner });
    const verifying = unverified === undefined ? presenting : unverified.verify(verifier, owner).then(() => presenting);
    return this.#order.enqueue(sender, verifying, (verified) =>
      next(inbound, verified.ok ? this.#judge(inbound, verified.credentials, grants) : verified),
    );
  }

  /** Whether a policy's decision depends on grants that are not verified yet. */
  #mustVerify({ sender, recipients, type }: RoutedMessage, grants: MessageGrants): boolean {
    const { policies, isHosted } = this.#options;
    for (const recipient of new Set(recipients)) {
      if (isHosted(recipient)) policies.judge({ sender, recipient, type, credentials: NO_CREDENTIALS.credentials, grants });
    }
    return grants.mustVerify;
  }

  #judge(inbound: RoutedMessage, credentials: readonly SenderCredential[], grants: GrantEvidence = NO_GRANTS): AuthorizationResult {
    const { sender, recipients, type } = inbound;
    const { policies, isHosted, store } = this.#options;
    if (credentials.length > 0) inbound.senderCredentials = senderCredentialsJson(credentials);
    const isSingle = recipients.length === 1;
    for (const recipient of isSingle ? recipients : new Set(recipients)) {
      if (!isHosted(recipient)) continue;
      const decision = policies.judge({ sender, recipient, type, credentials, grants });
      if (decision.kind === "denied") return denied(sender, recipient, decision.because);
      if (decision.kind === "ungranted") return ungranted(recipient, decision.refusal);
      if (decision.kind === "missing") return { ok: false, recipient, missing: decision.missing };
      if (decision.kind === "flagged") inbound.unauthorizedFor = new Set(inbound.unauthorizedFor).add(recipient);
      // A message for one recipient is checked when it is stored.
      const size = isSingle ? PASSED : store.checkSize(inbound, recipient);
      if (!size.ok) return size;
    }
    return PASSED;
  }
}

/** The sender can send the message again if a grant could not be verified now. */
function ungranted(recipient: string, refusal: GrantRefusal): AuthorizationResult {
  const later: ConsideredGrant | undefined = refusal.considered.find(({ retryable }) => retryable);
  if (later === undefined) return { ok: false, recipient, refusal };
  const reason = `grant not verified: ${later.detail} (${later.code}); send it again later`;
  return rejected({ label: "presentation", reason, code: "e.p.me.res.net" });
}

const BECAUSE = {
  encrypted: " that agents have encrypted: a policy forbids them",
  not_encrypted: " that its agent has not encrypted itself: a policy requires that",
};

function denied(sender: string, recipient: string, because?: keyof typeof BECAUSE): Rejected {
  const comment = `${recipient} does not accept messages from ${sender}${because === undefined ? "" : BECAUSE[because]}`;
  return rejected({ label: "unauthorized", reason: "unauthorized", code: DENIED, comment });
}

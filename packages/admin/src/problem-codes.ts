/** What a code means, why it occurs, and what to do. */
export interface ProblemCode {
  readonly meaning: string;
  readonly cause: string;
  readonly remedy: string;
}

const INBOX_FULL: ProblemCode = {
  meaning: "The recipient has too many messages waiting",
  cause: "Its agents are away, or slower than its senders.",
  remedy: "Start the agent, or see in `Agents` what it does not acknowledge.",
};

/** Problem codes of DIDComm, and the words under which the servers count refusals that have none. */
export const PROBLEM_CODES: Readonly<Record<string, ProblemCode>> = {
  "e.p.msg.unsupported": {
    meaning: "No agent of the recipient handles this type of message",
    cause: "The recipient's agents are connected, and none of them has a handler for the protocol, or all of them passed on the message.",
    remedy: "Register a handler for the type, or correct the type. `Would it pass?` shows the protocols that the recipient has bound.",
  },
  no_handler: {
    meaning: "No agent of the recipient handles this type of message",
    cause: "The recipient is connected, and none of its connections has bound the protocol of the message.",
    remedy: "Register a handler for the type in the recipient's agent, or correct the type.",
  },
  "e.p.msg.expired": {
    meaning: "The message expired before it was handled",
    cause: "Its `expires_time`, or the node's lifetime of messages, passed while the recipient was away or busy.",
    remedy: "Check that the recipient's agent is connected and acknowledges messages. Give the message more time.",
  },
  expired: {
    meaning: "The message had expired when it arrived",
    cause: "Its `expires_time` is in the past. The clocks of sender and node may differ.",
    remedy: "Set a later `expires_time`, and check the sender's clock.",
  },
  "e.p.msg.too-large": {
    meaning: "The message is too large",
    cause: "It exceeds `limits.maxMessageLength` or a frame of the recipient's connection.",
    remedy: "Send a link instead of the content, or raise the limit of the node.",
  },
  "e.p.msg.malformed": {
    meaning: "The message is not valid DIDComm plaintext",
    cause: "A required member is missing or has another type than DIDComm v2.1 says.",
    remedy: "The reason names the member. Compare the message with the specification.",
  },
  malformed: {
    meaning: "The message is not valid DIDComm plaintext",
    cause: "It is not JSON, has a member twice, or lacks a required member.",
    remedy: "The reason names the member.",
  },
  "e.p.msg.bad-body": {
    meaning: "The body is not what the handler expects",
    cause: "The body does not match the schema of the recipient's handler.",
    remedy: "Compare the body with the schema of the protocol.",
  },
  "e.m.authz.denied": {
    meaning: "A policy of the recipient denies the sender",
    cause: "The sender is in `deny`, is not in `allow`, or its host is not a known host.",
    remedy: "Change the policy that `Would it pass?` names, or send with another DID.",
  },
  "e.m.authz.from": {
    meaning: "The sender is not the DID of the connection",
    cause: "`from` is missing, or another DID than the one that the agent has joined as.",
    remedy: "Send with the DID that the agent has joined as.",
  },
  unauthorized: {
    meaning: "The sender is not allowed to send this",
    cause: "`from` differs from the DID of the connection, or a policy denies it.",
    remedy: "See the reason of the event, and try the message in `Would it pass?`.",
  },
  denied: {
    meaning: "Credentials are missing",
    cause: "A policy of the recipient requires credentials that the message does not present.",
    remedy: "Present the credentials that the problem report to the sender lists.",
  },
  "e.p.trust.presentation": {
    meaning: "The presented credentials were not accepted",
    cause: "A signature, a date, a status list or the audience of the presentation is wrong.",
    remedy: "The reason names the step. `Credentials` verifies what a DID holds.",
  },
  presentation: {
    meaning: "The presented credentials were not accepted",
    cause: "A signature, a date, a status list or the audience of the presentation is wrong.",
    remedy: "The reason names the step. `Credentials` verifies what a DID holds.",
  },
  unknown_recipient: {
    meaning: "The recipient does not exist",
    cause: "The DID belongs to this node, and no agent has ever joined as it. The reason names a similar DID if there is one.",
    remedy: "Correct the DID, or start its agent once.",
  },
  unreachable: {
    meaning: "The recipient can't be reached",
    cause: "Its host is not allowed, or its DID method has no endpoint that this node may ask.",
    remedy: "Name the host in `resolution.hosts`, or use a DID with a public address.",
  },
  "e.p.me.res.inbox": INBOX_FULL,
  inbox_full: INBOX_FULL,
  outbox_full: {
    meaning: "Too many messages wait for another node",
    cause: "The node of the recipient does not answer, or answers slowly.",
    remedy: "See in `Federation` which host it is and what its last answer was.",
  },
  rate_limited: {
    meaning: "The sender is too fast",
    cause: "Its API key exceeds a rate, such as `limits.messagesPerSecond`.",
    remedy: "Send more slowly, or raise the limit.",
  },
  "e.p.me.res.rate": {
    meaning: "The sender is too fast",
    cause: "Its API key exceeds a rate, such as `limits.messagesPerSecond`.",
    remedy: "Send more slowly, or raise the limit.",
  },
  "e.p.me.res.storage": {
    meaning: "The message could not be stored, or its stored copy is damaged",
    cause: "The disk is full or failing, or a queue of the node is full.",
    remedy: "See the node's log, and free space on its disk.",
  },
  "e.p.me.res.net": {
    meaning: "A needed host could not be asked",
    cause: "The node is starting, or a DID document or status list could not be fetched.",
    remedy: "Send the message again. If it happens again, check the host in the reason.",
  },
  failed: {
    meaning: "The agent failed to process the message",
    cause: "Its handler threw an exception.",
    remedy: "See the log of the agent. The problem report to the sender has the code that the agent chose.",
  },
  "e.p.xfer.cant-process": {
    meaning: "The agent failed to process the message",
    cause: "Its handler threw an exception.",
    remedy: "See the log of the agent.",
  },
  unhandled: {
    meaning: "No agent of the recipient handles this type of message",
    cause: "All connections of the recipient passed on the message.",
    remedy: "Register a handler for the type.",
  },
  too_large: {
    meaning: "The message is too large",
    cause: "It exceeds `limits.maxMessageLength`, or it broke the recipient's connection for its size.",
    remedy: "Send a link instead of the content.",
  },
  undeliverable: {
    meaning: "The recipient was deleted, or each delivery of the message broke its connection",
    cause: "An operator has deleted the agent; or the agent's program or a proxy in between fails at the message.",
    remedy: "Look at the reason of the event, at the message and at the log of the agent.",
  },
  "e.p.xfer.undeliverable": {
    meaning: "The recipient was deleted, or each delivery of the message broke its connection",
    cause: "An operator has deleted the agent; or the agent's program or a proxy in between fails at the message.",
    remedy: "Look at the reason of the event, at the message and at the log of the agent.",
  },
  "e.p.did.unresolved": {
    meaning: "The DID of the recipient can't be resolved",
    cause: "Its host has no such document, does not answer, or the document is invalid.",
    remedy: "Open the address of the document, and see in `Federation` what the host answered.",
  },
  "e.p.did.no-key": {
    meaning: "Sender and recipient have no usable keys in common",
    cause: "The document of the recipient has no key agreement key of a supported curve.",
    remedy: "Add an X25519 or P-256 key to the document.",
  },
  "e.p.xfer.unreachable": {
    meaning: "The node of the recipient can't be reached",
    cause: "The DID document names no endpoint that this node may ask.",
    remedy: "Check `service` in the document, and `resolution` of this node.",
  },
  "e.p.xfer.refused": {
    meaning: "The node of the recipient refused the message",
    cause: "It answered with a permanent error. The reason has its status and code.",
    remedy: "Ask the operator of that node, with the id of the message.",
  },
  "e.p.xfer.failed": {
    meaning: "The message could not be encrypted or read",
    cause: "A failure inside this node.",
    remedy: "See the log of the node.",
  },
  "remote-retry": {
    meaning: "Another node did not take a message yet, and this node tries again",
    cause: "The other node is down, slow, or refuses messages for now. The reason has its last answer.",
    remedy: "Start the other node, or check its address. `Federation` has the next try, and what waits.",
  },
  dropped: {
    meaning: "A message was dropped",
    cause: "Its recipient is gone, or the node could not make a report about it. The reason says which.",
    remedy: "Nothing, unless it happens often: then see the node's log.",
  },
  "join-refused": {
    meaning: "An agent may not connect as its DID",
    cause: "The DID belongs to another API key or is malformed, or the API key may not bind it.",
    remedy: "See the reason, and `API keys` for the DIDs that each key may bind.",
  },
  failure: {
    meaning: "Something failed inside the server",
    cause: "A disk that is full or failing, or a defect.",
    remedy: "See the server's log at this time.",
  },
  unauthenticated: {
    meaning: "The token or key was not accepted",
    cause: "It is missing, expired, revoked, or of another server.",
    remedy: "Check which key the agent uses, and whether it was revoked.",
  },
  permission_denied: {
    meaning: "The account has no access to the channel",
    cause: "It neither owns the channel nor has joined it.",
    remedy: "Invite the account, or check the name of the channel.",
  },
  epoch_taken: {
    meaning: "Another commit was first",
    cause: "Two members changed the group at the same time. The later commit is refused.",
    remedy: "Nothing: the client reads the other commit and tries again.",
  },
  range_gone: {
    meaning: "The requested entries are no longer kept",
    cause: "The reader was away for longer than the retention of the channel.",
    remedy: "The agent must be invited again. Raise `retention` for longer absences.",
  },
  resource_exhausted: {
    meaning: "A limit of the relay is reached",
    cause: "The account stores too much, or is too fast.",
    remedy: "See `Limits`.",
  },
  message_too_large: {
    meaning: "The entry is too large",
    cause: "It exceeds the limit of the relay.",
    remedy: "Send a link instead of the content.",
  },
};

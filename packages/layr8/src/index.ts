export { Client } from "./client.ts";
export { EndToEndError, type EndToEndErrorCode } from "./end-to-end/end-to-end-error.ts";
export type { RotateKeysOptions } from "./end-to-end/rotate-keys-options.ts";
export type { EndToEndConfig } from "./end-to-end/settings.ts";
export type { KeyStore } from "./end-to-end/key-store.ts";
export type { Config } from "./env.ts";
export type { DelegatedCredential, DelegatedCredentials, DelegationListener } from "./delegation.ts";
export type { GrantMissInfo } from "./grants.ts";
export type { ResolutionOptions, UnsuitableGrant } from "@parley/credentials-client";
export { verifyReceipt } from "./receipts/verify-receipt.ts";
export type { VerifiedReceipt, VerifyReceiptOptions } from "./receipts/verify-receipt-options.ts";
export type { WalletListener } from "./wallet-watcher.ts";
export { mediation } from "./mediation/index.ts";
export type {
  BootstrapOptions,
  BootstrapResult,
  DeclareResult,
  EnrollOptions,
  EnrollResult,
  MediatedClient,
  MediationFailure,
  MediationOptions,
  PickupOptions,
  PickupResult,
  StatusResult,
} from "./mediation/mediation.ts";
export {
  AlreadyConnectedError,
  BodyError,
  ClientClosedError,
  ConnectionError,
  DisconnectedError,
  ErrorKind,
  logErrors,
  McpError,
  NotConnectedError,
  PASS,
  ProblemReportError,
  ReceiptError,
  ReceiptRejectedError,
  RequestTimeoutError,
  ServerRejectError,
  type BodyIssue,
  type ErrorHandler,
  type Handler,
  type HandlerOptions,
  type HandlerResult,
  type DidHandler,
  type InboundMessage,
  type JsonRpcMessage,
  type McpBinding,
  type McpCallOptions,
  type McpInitialize,
  type McpMethodHandler,
  type McpPeer,
  type McpTool,
  type McpTransport,
  type JoinDidOptions,
  type JoinedDid,
  type NotConnectedReason,
  type Receipt,
  type ReceiptOptions,
  type ReceiptRejectionCode,
  type ReceivedMessage,
  type RequestOptions,
  type SDKError,
  type SendOptions,
} from "@parley/didcomm-agent";
export {
  ParleyError,
  type Attachment,
  type JsonObject,
  type JsonValue,
  type Message,
  type MessageContext,
  type MessageInit,
  type ReceiptState,
  type SenderCredential,
  type Telemetry,
} from "@parley/core";
export {
  CredentialsClient,
  decodeCredential,
  identityAttachment,
  isIdentityAttachment,
  RestError,
  VcError,
  verifyLocally,
  type Credential,
  type CredentialFormat,
  type CredentialState,
  type CredentialVerification,
  type DelegateGrantOptions,
  type DecodedCredential,
  type LocalVerification,
  type PresentationVerification,
  type RestErrorCode,
  type StoredCredential,
  type VcErrorCode,
  type VerifyLocallyOptions,
} from "@parley/credentials-client";
export { PhoenixTransport } from "@parley/transport-phoenix";

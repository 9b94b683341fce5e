export { AuthError, type AuthErrorCode } from "./errors/auth-error.ts";
export { ChannelError, type ChannelErrorCode } from "./errors/channel-error.ts";
export { MlsError, type MlsErrorCode } from "./errors/mls-error.ts";
export { TransportError, type TransportErrorCode } from "./errors/transport-error.ts";

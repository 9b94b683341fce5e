// Grants: credentials that permit their holder to send certain messages.
export { matchGrantChain, readGrantChain, type GrantLink } from "./grant/grant-chain.ts";
export type { Grant, GrantDelegation, GrantScope } from "./grant/grant.ts";
export { isGrant, readGrant } from "./grant/read-grant.ts";
export { matchGrant, scopeCovers, type GrantMatch, type GrantMismatchCode, type GrantRequest } from "./grant/match-grant.ts";
export { verifyGrant } from "./grant/verify-grant.ts";

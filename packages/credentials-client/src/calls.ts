// The calls of a `CredentialsClient`, which loads this module with its first one.
export * as credentials from "./credentials.ts";
export * as mediators from "./mediators.ts";
export { readDidDocument } from "./did-documents.ts";
export { Http } from "./http.ts";
export * as presentations from "./presentations.ts";

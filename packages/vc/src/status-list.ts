/** Gets a status list credential: the signed text, in any of the formats, that a URL answers with. */
export type StatusListFetch = (url: string, options: { readonly signal: AbortSignal; readonly maxBytes: number }) => Promise<string>;

/** A W3C Bitstring Status List. */
export class BitstringStatusList {}

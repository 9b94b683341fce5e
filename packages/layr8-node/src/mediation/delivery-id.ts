/** The id of an envelope in a delivery. Agents take it as it is. */
export function deliveryId(did: string, seq: number): string {
  return `${seq}.${did}`;
}

/** Reads an id that an agent sends back; `undefined` if it is not one of {@link deliveryId}. */
export function readDeliveryId(id: unknown): { readonly did: string; readonly seq: number } | undefined {
  const [, seq, did] = (typeof id === "string" ? /^(\d{1,15})\.(did:.+)$/.exec(id) : null) ?? [];
  return seq === undefined || did === undefined ? undefined : { did, seq: Number(seq) };
}

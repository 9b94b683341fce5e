/**
 * The `expires_time` of a message that is to be valid for a while, in whole seconds since 1970. Rounded up: it never expires before.
 *
 * @param now milliseconds since 1970.
 */
export function expiryAfter(validMs: number, now: number): number {
  return Math.ceil((now + validMs) / 1000);
}

/** Whether a message has expired. */
export function isExpired({ expiresTime }: { readonly expiresTime?: number }, now: number): boolean {
  return expiresTime !== undefined && expiresTime * 1000 <= now;
}

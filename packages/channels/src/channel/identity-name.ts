const BINARY = "base64url:";
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** An identity as text: unchanged if it is valid UTF-8, otherwise `base64url:…`. Injective: different identities have different texts. */
export function identityName(identity: Uint8Array): string {
  try {
    const text = decoder.decode(identity);
    if (!text.startsWith(BINARY)) return text;
  } catch {
    // Not UTF-8.
  }
  return BINARY + Buffer.from(identity).toString("base64url");
}

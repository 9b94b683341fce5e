const BINARY = "base64url:";
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** An identity as text: itself where it is UTF-8, else as base64url. No two identities have the same text. */
export function identityName(identity: Uint8Array): string {
  try {
    const text = decoder.decode(identity);
    if (!text.startsWith(BINARY)) return text;
  } catch {
    // No UTF-8.
  }
  return BINARY + Buffer.from(identity).toString("base64url");
}

import { decodeBase64url } from "@parley/core/eager";

/** Decodes base64url of UTF-8. `undefined` if the text is not base64url, or the bytes are not UTF-8. */
export function decodeBase64urlText(text: string): string | undefined {
  const bytes = decodeBase64url(text);
  if (bytes === undefined) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

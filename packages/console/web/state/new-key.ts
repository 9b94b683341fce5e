/** An API key made in this page, and what a server needs to know of it. */
export interface NewKey {
  readonly key: string;
  /** SHA-256 of the key, base64url. */
  readonly hash: string;
}

const SECRET_BYTES = 32;
const ID_BYTES = 12;

/** Makes an API key: the prefix, and 256 random bits in base64url. Only its hash is sent. @throws Error where browsers have no WebCrypto */
export async function makeKey(prefix: string): Promise<NewKey> {
  if (!isSecureContext) {
    throw new Error("This browser makes keys only for pages on this machine or by https. Use `parley keys create` instead.");
  }
  const key = prefix + randomText(SECRET_BYTES);
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(key));
  return { key, hash: base64url(new Uint8Array(digest)) };
}

/** The id of a new key of a skytale server: 16 characters, which do not begin like an option. */
export function makeKeyId(): string {
  const id = randomText(ID_BYTES);
  return id.startsWith("-") ? makeKeyId() : id;
}

function randomText(size: number): string {
  return base64url(crypto.getRandomValues(new Uint8Array(size)));
}

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}

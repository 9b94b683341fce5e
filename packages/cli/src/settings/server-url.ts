/** Reads an origin; `ws`, `grpc` and their forms with TLS count as `http` and `https`. */
export function readServerUrl(text: string, defaultPort?: number): URL | undefined {
  const http = text.trim().replace(/^(?:ws|grpc)(s?):\/\//, "http$1://");
  if (!URL.canParse(http)) return undefined;
  const url = new URL(http);
  if (url.protocol !== "http:" && url.protocol !== "https:") return undefined;
  if (url.port === "" && defaultPort !== undefined) url.port = String(defaultPort);
  return new URL(url.origin);
}

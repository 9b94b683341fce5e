import type { CompletedCall } from "../api/http/server.ts";

/** Whether the console shows a call. Reads that succeed are left out: agents make them all the time. */
export function isShownCall({ method, status }: CompletedCall): boolean {
  return status >= 400 || (method !== "GET" && method !== "HEAD");
}

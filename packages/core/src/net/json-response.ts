import type { IncomingMessage } from "node:http";
import { readCapped } from "../internal/bytes.ts";

/** A response that was read to its end, or to the size limit. */
export interface JsonResponse {
  readonly status: number;
  /** Value of the `Retry-After` header. */
  readonly retryAfter: string | undefined;
  /** The parsed body. `undefined` if it is not JSON in UTF-8, or larger than the limit. */
  readonly body: unknown;
  readonly isTooLarge: boolean;
}

/** Reads a response with a JSON body of at most `maxBytes`. Errors never quote the body, which can contain secrets. */
export async function readJsonResponse(response: IncomingMessage, maxBytes: number): Promise<JsonResponse> {
  const { statusCode: status = 0, headers } = response;
  const bytes = await readCapped(response, maxBytes);
  return { status, retryAfter: headers["retry-after"], body: bytes && parseJson(bytes), isTooLarge: bytes === undefined };
}

/** Whether an error comes from Node's HTTP parser: the server does not speak HTTP/1.1. Such an error contains what the server sent. */
export function isHttpParserError(error: unknown): boolean {
  return error instanceof Error && "code" in error && String(error.code).startsWith("HPE_");
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
}

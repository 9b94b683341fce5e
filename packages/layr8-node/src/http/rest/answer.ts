import type { z } from "zod";
import * as schemas from "./schemas.ts";

/** A response in the OpenAPI document. */
export interface DescribedResponse<T> {
  readonly description: string;
  readonly content: { readonly "application/json": { readonly schema: T } };
}

/** A response for the OpenAPI document. */
export function answer<T extends z.ZodType>(description: string, schema: T): DescribedResponse<T> {
  return { description, content: { "application/json": { schema } } };
}

/** The responses to requests that fail. */
export const FAILURES: Readonly<Record<"4xx" | "5xx", DescribedResponse<typeof schemas.errorBody>>> = {
  "4xx": answer("Rejected; retry only after 429", schemas.errorBody),
  "5xx": answer("Failed; 502 and 503 can be retried", schemas.errorBody),
};

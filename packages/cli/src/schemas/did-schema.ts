import { z } from "zod";

/** What `parley did resolve --json` prints: a DID document, with all its other members. */
export const didDocument: z.ZodType<{ readonly id: string }> = z.looseObject({ id: z.string() });

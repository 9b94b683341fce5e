import { z } from "zod";

/** What `parley completion --json` prints. */
export const completion: z.ZodType<{ readonly shell: string; readonly script: string }> = z.strictObject({
  shell: z.string(),
  script: z.string(),
});

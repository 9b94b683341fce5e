import type { Services } from "../api/services.ts";

/** What a command works on. */
interface Place {
  readonly dataDir: string | undefined;
  readonly serverKey: Uint8Array | undefined;
}

/** Works on the records of a data directory that no server has open. */
export async function withServices({ dataDir, serverKey }: Place, use: (services: Services) => Promise<void>): Promise<void> {
  if (dataDir === undefined) throw new TypeError("--data-dir is missing: accounts and keys are kept there");
  // Loaded when the arguments are known to be right.
  await (await import("./open-services.ts")).openServices({ dataDir, serverKey }, use);
}

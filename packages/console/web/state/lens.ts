import type { SeenBridge, SeenChannel, ShownLens } from "@parley/admin";
import { canRead, readPath } from "./api.ts";
import { type Answer, useRead } from "./use-read.ts";

/** Whether the console looks for lenses of agents. */
export function hasLenses(): boolean {
  return canRead("lens", "members");
}

/** Channels as their members see them. */
export interface Members {
  readonly lenses: readonly ShownLens[];
  readonly channels: readonly SeenChannel[];
}

export function useMembers(channel: string): Answer<Members> {
  return useRead<Members>(readPath("lens", "members", { channel }));
}

export function useBridges(): Answer<{ readonly lenses: readonly ShownLens[]; readonly bridges: readonly SeenBridge[] }> {
  return useRead(readPath("lens", "bridges"));
}

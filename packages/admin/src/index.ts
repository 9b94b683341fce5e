export { AdminServer, type AdminServerOptions } from "./admin-server.ts";
export { AdminError } from "./admin-error.ts";
export type { AdminInfo, PerformedAction, ShownSource } from "./admin-api.ts";
export type { Problem } from "./journal-queries.ts";
export { PROBLEM_CODES, type ProblemCode } from "./problem-codes.ts";
export type { ShownEntry } from "./shown-entry.ts";
export type { TimedSample } from "./sampler.ts";
export type { ChannelView, SeenBridge, SeenChannel, ShownLens } from "./lens-source.ts";
export type { Comparison } from "./compare-views.ts";

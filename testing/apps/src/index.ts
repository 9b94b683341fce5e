export { App } from "./app.ts";
export { withNode, type AppEnvironment } from "./with-node.ts";
export { withSkytale, type SkytaleEnvironment } from "./with-skytale.ts";
export { withSkytalePrograms, type StartProgram } from "./with-skytale-programs.ts";

export { App } from "./app.ts";
export { withNode, type AppEnvironment } from "./with-node.ts";

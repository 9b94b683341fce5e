export { DoubleAgents, type DoubleAgent, type DoubleAgentOptions, type Generation, type Handler } from "./double-agents.ts";
export { DoubleNode, type DoubleNodeOptions } from "./double-node.ts";
export { missingPython, type DoubleEvent } from "./python-program.ts";

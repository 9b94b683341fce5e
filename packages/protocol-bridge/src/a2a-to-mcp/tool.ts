import { isJsonObject, type JsonObject, type JsonValue } from "@parley/core";
import { textsOf, type A2aMessageJson } from "../formats/a2a-message.ts";

/** A call of an MCP tool. */
export interface ToolCall {
  readonly name: string;
  readonly arguments: JsonObject;
}

/** The tool call that a message requests, or a rejection for its author. */
export type ToolSelection = { readonly ok: true; readonly call: ToolCall } | { readonly ok: false; readonly rejection: string };

/** A tool of an MCP server. */
export interface Tool {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** Names of the string arguments that a message's text can fill: the required ones, or all if none is required. */
  readonly textArguments: readonly string[];
  readonly takesNoArguments: boolean;
  /** JSON Schema of its arguments, as the server gave it; absent if it is too large to keep. */
  readonly inputSchema: JsonObject | undefined;
}

const MAX_NAME = 256;
const MAX_DESCRIPTION = 1024;
const MAX_LISTED_TOOLS = 32;
/** Characters of a schema that is kept. */
const MAX_SCHEMA = 8192;

/** Reads one page of `tools/list`. Malformed entries are ignored. */
export function readTools({ tools }: JsonObject): readonly Tool[] {
  return (Array.isArray(tools) ? (tools as readonly JsonValue[]) : []).map(readTool).filter((tool) => tool !== undefined);
}

/**
 * Selects the tool that a message calls, and its arguments. A data part `{tool, arguments}` (or `name`) names both. Otherwise it is the
 * wanted tool or the only one, with a data part as its arguments, or with the text as its only string argument.
 */
export function selectTool(message: A2aMessageJson, tools: readonly Tool[], wanted: string | undefined): ToolSelection {
  const data = message.parts.map((part) => part["data"]).find(isJsonObject);
  const name = data?.["tool"] ?? data?.["name"];
  const given = data?.["arguments"];
  if (isName(name) && (given === undefined || isJsonObject(given))) return selected(name, given ?? {});
  const tool = wanted === undefined && tools.length === 1 ? tools[0] : tools.find((each) => each.name === wanted);
  if (tool === undefined) return rejected(noToolReason(tools, wanted));
  if (data !== undefined) return selected(tool.name, data);
  const [argument, ...more] = tool.textArguments;
  if (argument !== undefined && more.length === 0) return selected(tool.name, { [argument]: textsOf(message).join("\n") });
  if (tool.takesNoArguments) return selected(tool.name, {});
  return rejected(`The tool ${tool.name} needs more than one text. Send a data part {"tool": "${tool.name}", "arguments": {…}}.`);
}

function selected(name: string, args: JsonObject): ToolSelection {
  return { ok: true, call: { name, arguments: args } };
}

function rejected(rejection: string): ToolSelection {
  return { ok: false, rejection };
}

function noToolReason(tools: readonly Tool[], wanted: string | undefined): string {
  if (wanted !== undefined) return `The MCP server behind this bridge has no tool named ${wanted}.`;
  if (tools.length === 0) return "The MCP server behind this bridge has no tools.";
  const names = tools.slice(0, MAX_LISTED_TOOLS).map(({ name }) => name);
  return `Which tool? Send a data part {"tool": name, "arguments": {…}} with one of: ${names.join(", ")}.`;
}

function readTool(value: JsonValue): Tool | undefined {
  if (!isJsonObject(value) || !isName(value["name"])) return undefined;
  const schema = isJsonObject(value["inputSchema"]) ? value["inputSchema"] : {};
  const properties = isJsonObject(schema["properties"]) ? Object.entries(schema["properties"]) : [];
  const required = new Set(Array.isArray(schema["required"]) ? (schema["required"] as readonly JsonValue[]) : []);
  const texts = properties.filter(([, property]) => isJsonObject(property) && property["type"] === "string").map(([name]) => name);
  const requiredTexts = texts.filter((name) => required.has(name));
  const requiresOthers = [...required].some((name) => typeof name !== "string" || !texts.includes(name));
  return {
    name: value["name"],
    title: isName(value["title"]) ? value["title"] : value["name"],
    description: typeof value["description"] === "string" ? value["description"].slice(0, MAX_DESCRIPTION) : "",
    textArguments: requiresOthers ? [] : requiredTexts.length > 0 ? requiredTexts : texts,
    takesNoArguments: required.size === 0 && texts.length === 0,
    inputSchema: JSON.stringify(schema).length <= MAX_SCHEMA ? schema : undefined,
  };
}

function isName(value: unknown): value is string {
  return typeof value === "string" && value !== "" && value.length <= MAX_NAME;
}

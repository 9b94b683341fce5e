import { isJsonObject, type JsonObject, type JsonValue } from "@parley/core";
import { textsOf, type A2aMessageJson } from "../formats/a2a-message.ts";

/** A call of a tool. */
export interface ToolCall {
  readonly name: string;
  readonly arguments: JsonObject;
}

/** Why a message calls no tool, in words for who sent it. */
export interface NoToolCall {
  readonly problem: string;
}

/** A tool of the server. */
export interface Tool {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** Names of arguments that are texts, the required ones if any is. */
  readonly texts: readonly string[];
  readonly takesNothing: boolean;
}

const MAX_NAME = 256;
const MAX_DESCRIPTION = 1024;

/** Reads one page of `tools/list`. Entries that are no tools are passed over. */
export function readTools({ tools }: JsonObject): readonly Tool[] {
  return (Array.isArray(tools) ? (tools as readonly JsonValue[]) : []).map(readTool).filter((tool) => tool !== undefined);
}

/**
 * Which tool a message calls, and with what. A data part `{tool, arguments}` (or `name`) says so itself. Else it is the only tool, or the one
 * of the given name, with a data part as arguments, or with the text as its only argument that is a text.
 */
export function toolCallOf(message: A2aMessageJson, tools: readonly Tool[], wanted: string | undefined): ToolCall | NoToolCall {
  const data = message.parts.map((part) => part["data"]).find(isJsonObject);
  const name = data?.["tool"] ?? data?.["name"];
  const given = data?.["arguments"];
  if (isName(name) && (given === undefined || isJsonObject(given))) return { name, arguments: given ?? {} };
  const tool = wanted === undefined && tools.length === 1 ? tools[0] : tools.find((each) => each.name === wanted);
  if (tool === undefined) return { problem: problemOf(tools, wanted) };
  if (data !== undefined) return { name: tool.name, arguments: data };
  const [argument, ...more] = tool.texts;
  if (argument !== undefined && more.length === 0) return { name: tool.name, arguments: { [argument]: textsOf(message).join("\n") } };
  if (tool.takesNothing) return { name: tool.name, arguments: {} };
  return { problem: `The tool ${tool.name} takes more than one text. Send a data part {"tool": "${tool.name}", "arguments": {…}}.` };
}

function problemOf(tools: readonly Tool[], wanted: string | undefined): string {
  if (wanted !== undefined) return `The tools on the other side of this bridge do not include ${wanted}.`;
  if (tools.length === 0) return "There are no tools on the other side of this bridge.";
  const names = tools.slice(0, 32).map(({ name }) => name);
  return `Which tool? Send a data part {"tool": name, "arguments": {…}} with one of: ${names.join(", ")}.`;
}

function readTool(value: JsonValue): Tool | undefined {
  if (!isJsonObject(value) || !isName(value["name"])) return undefined;
  const schema = isJsonObject(value["inputSchema"]) ? value["inputSchema"] : {};
  const properties = isJsonObject(schema["properties"]) ? Object.entries(schema["properties"]) : [];
  const required = new Set(Array.isArray(schema["required"]) ? (schema["required"] as readonly JsonValue[]) : []);
  const texts = properties.filter(([, property]) => isJsonObject(property) && property["type"] === "string").map(([name]) => name);
  const isRequired = texts.filter((name) => required.has(name));
  const others = [...required].some((name) => typeof name !== "string" || !texts.includes(name));
  return {
    name: value["name"],
    title: isName(value["title"]) ? value["title"] : value["name"],
    description: typeof value["description"] === "string" ? value["description"].slice(0, MAX_DESCRIPTION) : "",
    texts: others ? [] : isRequired.length > 0 ? isRequired : texts,
    takesNothing: required.size === 0 && texts.length === 0,
  };
}

function isName(value: unknown): value is string {
  return typeof value === "string" && value !== "" && value.length <= MAX_NAME;
}

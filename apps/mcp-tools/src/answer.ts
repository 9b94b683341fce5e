import type { CallToolResult } from "@modelcontextprotocol/sdk/types.js";
import { ParleyError } from "skytale";

/** The result of a tool: an object, structured for programs and as text for models. Errors are results too, so that a model can react. */
export async function answer(work: () => Promise<Record<string, unknown>>): Promise<CallToolResult> {
  try {
    const result = await work();
    return { content: [{ type: "text", text: JSON.stringify(result) }], structuredContent: result };
  } catch (error) {
    const { message, code, retryable } = ParleyError.from(error);
    return { isError: true, content: [{ type: "text", text: `${message} (${code}${retryable ? "; may work later" : ""})` }] };
  }
}

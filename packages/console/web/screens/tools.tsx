import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { SeenBridge } from "@parley/admin";
import { Copy, Json } from "../parts/basics.tsx";
import { plural } from "../parts/format.ts";
import { SchemaForm } from "../parts/schema-form.tsx";
import { readFields, valueOf } from "../parts/schema-fields.ts";

type Tool = NonNullable<SeenBridge["tools"]>[number];

/** Which tools does a bridge call, and with which arguments? */
export function Tools({ bridge: { tools = [], source, lens } }: { bridge: SeenBridge }): JSX.Element | null {
  if (tools.length === 0) return null;
  return (
    <section aria-label={`Tools of ${lens} on ${source}`}>
      <h3>{plural(tools.length, "tool")} of the MCP server</h3>
      {tools.map((tool) => (
        <details key={tool.name} class="panel">
          <summary>
            <code>{tool.name}</code> <span class="faint">{tool.description}</span>
          </summary>
          <Call tool={tool} id={`${lens}-${source}-${tool.name}`.replaceAll(/\W+/g, "-")} />
        </details>
      ))}
    </section>
  );
}

/** A message that calls a tool, from a form. */
function Call({ tool: { name, inputSchema = {} }, id }: { tool: Tool; id: string }): JSX.Element {
  const [result, setResult] = useState(() => valueOf(readFields(inputSchema), new Map()));
  const data = "value" in result ? { tool: name, arguments: result.value } : undefined;
  return (
    <>
      <SchemaForm schema={inputSchema} id={id} onChange={setResult} />
      {data === undefined ? (
        <p class="hint">{"problem" in result ? `${result.problem}.` : ""}</p>
      ) : (
        <>
          <p class="tools">
            <Copy label="Copy as TypeScript" text={`await adapter.sendMessage(contextId, [{ data: ${JSON.stringify(data)} }]);`} />
          </p>
          <Json value={{ data }} label="Part of an A2A message that calls the tool" />
        </>
      )}
    </>
  );
}

// The references of the REST APIs, from the OpenAPI documents that the servers serve.
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { repository } from "../lib/workspace.mjs";

/** The two pages, as `[path, text]`. Starts both servers in memory, on free ports, and reads `/openapi.json`. */
export async function restPages() {
  const { startNode } = await load("packages/layr8-node");
  const { startSkytale } = await load("packages/skytale-server");
  const node = await startNode({ port: 0, logger: false });
  const skytale = await startSkytale({ port: 0, relayPort: 0, logger: false });
  try {
    const documents = await Promise.all(
      [node.httpUrl, skytale.apiUrl].map((url) => fetch(`${url}/openapi.json`).then((found) => found.json())),
    );
    return [
      ["reference/rest-node.md", restPage(documents[0], "Node: REST", "/node/credentials.md")],
      ["reference/rest-skytale.md", restPage(documents[1], "Skytale API: REST", "/skytale/api.md")],
    ];
  } finally {
    await Promise.all([node.close(), skytale.close()]);
  }
}

function load(folder) {
  return import(pathToFileURL(join(repository, folder, "dist/index.js")).href);
}

/** The page of an OpenAPI document. `guide` is the page with the behaviour behind the calls. */
function restPage(document, title, guide) {
  const calls = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, call]) => ({ name: `${method.toUpperCase()} ${path}`, call })),
  );
  const parts = [
    `# ${title}`,
    `${document.info.description} Generated from the OpenAPI document that the server serves at \`/openapi.json\`; [the guide](${guide}) has the rules behind it.`,
    authentication(document),
    calls.map(({ name }) => `- [\`${name}\`](#${anchor(name)})`).join("\n"),
    ...calls.flatMap(({ name, call }) => describe(name, call, document)),
  ];
  const schemas = Object.entries(document.components?.schemas ?? {});
  if (schemas.length > 0) parts.push("## Schemas");
  for (const [name, schema] of schemas)
    parts.push(`### ${name} {#schema-${name.toLowerCase()}}`, schema.description ?? "", schemaTable(schema));
  return `${parts.filter((part) => part !== "").join("\n\n")}\n`;
}

function authentication({ components }) {
  const schemes = Object.values(components?.securitySchemes ?? {});
  return schemes
    .map(
      (scheme) =>
        `Authentication: ${scheme.type === "apiKey" ? `an API key in the header \`${scheme.name}\`` : `\`authorization: Bearer …\`. ${scheme.description}`}.`,
    )
    .join("\n\n");
}

const anchor = (name) =>
  name
    .toLowerCase()
    .replaceAll(/[^a-z\d]+/g, "-")
    .replaceAll(/^-|-$/g, "");

function describe(name, { summary, description, parameters = [], requestBody, responses = {} }, document) {
  const body = requestBody?.content?.["application/json"]?.schema;
  const parts = [`## ${name} {#${anchor(name)}}`, [summary, description].filter(Boolean).join(". ")];
  if (parameters.length > 0) {
    const rows = parameters.map((one) => [
      one.name,
      one.in,
      typeOf(one.schema),
      one.required === true,
      one.description ?? one.schema?.description ?? "",
    ]);
    parts.push(
      [
        "| parameter | in | type | meaning |",
        "| --- | --- | --- | --- |",
        ...rows.map(
          ([key, place, type, required, meaning]) => `| \`${key}${required ? "" : "?"}\` | ${place} | ${type} | ${cell(meaning)} |`,
        ),
      ].join("\n"),
    );
  }
  if (body !== undefined) parts.push("Body:", schemaTable(body, document));
  const answers = Object.entries(responses).map(([status, { description: meaning, content }]) => {
    const schema = content?.["application/json"]?.schema;
    return `| ${status} | ${cell(meaning === "Default Response" ? "" : (meaning ?? ""))} | ${schema === undefined ? "" : inline(schema)} |`;
  });
  if (answers.length > 0) parts.push(["| status | meaning | body |", "| --- | --- | --- |", ...answers].join("\n"));
  return parts.filter((part) => part !== "");
}

function schemaTable(schema) {
  if (schema.properties === undefined) return inline(schema);
  const rows = Object.entries(schema.properties).map(
    ([name, one]) => `| \`${name}${schema.required?.includes(name) ? "" : "?"}\` | ${typeOf(one)} | ${cell(one.description ?? "")} |`,
  );
  return ["| member | type | meaning |", "| --- | --- | --- |", ...rows].join("\n");
}

/** A schema in a cell: its name, or its members. */
function inline(schema) {
  if (schema.$ref !== undefined || schema.properties === undefined) return typeOf(schema);
  return Object.entries(schema.properties)
    .map(([name, one]) => `\`${name}${schema.required?.includes(name) ? "" : "?"}\`: ${typeOf(one)}`)
    .join("; ");
}

function typeOf(schema = {}) {
  if (schema.$ref !== undefined) {
    const name = schema.$ref.split("/").at(-1);
    return `[\`${name}\`](#schema-${name.toLowerCase()})`;
  }
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) return choices.map((one) => typeOf(one)).join(" or ");
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${JSON.stringify(value)}\``).join(" or ");
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``;
  if (schema.type === "array") return `array of ${typeOf(schema.items)}`;
  const limits = ["minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "pattern", "format"];
  const large = (key) => Number.isInteger(schema[key]) && Math.abs(schema[key]) >= Number.MAX_SAFE_INTEGER;
  const notes = limits
    .filter((key) => schema[key] !== undefined && !large(key))
    .map((key) => `${key} ${typeof schema[key] === "string" ? `\`${schema[key].replaceAll("|", "\\|")}\`` : schema[key]}`);
  const type = [schema.type ?? "any"].flat().join(" or ");
  return notes.length === 0 ? type : `${type} (${notes.join(", ")})`;
}

const cell = (text) => text.replaceAll(/\s+/g, " ").replaceAll("|", "\\|").trim();

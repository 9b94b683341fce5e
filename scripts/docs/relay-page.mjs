// The reference of the relay's gRPC service, from the comments of its proto file.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { repository } from "../lib/workspace.mjs";

const PACKAGE = join(repository, "packages/skytale-relay");
const FILE = "skytale/relay/v1/relay.proto";
/** Numbers of fields in descriptor.proto, which source locations refer to. */
const FIELDS = { message: 4, enum: 5, service: 6, member: 2, nested: 3 };
const TYPES = { TYPE_MESSAGE: "", TYPE_ENUM: "" };

/** The page. Runs buf, which compiles the file. */
export function relayPage() {
  const file = descriptor();
  const comments = commentsOf(file);
  const at = (...path) => comments.get(path.join(".")) ?? "";
  const parts = [
    "# Relay: gRPC",
    `The service \`${file.package}.${file.service[0].name}\`, from the comments of its proto file.`,
    at("syntax"),
  ];
  for (const [index, service] of file.service.entries()) {
    parts.push(`## ${service.name}`, at(FIELDS.service, index));
    for (const [number, method] of service.method.entries()) {
      const call = `rpc ${method.name}(${stream(method.clientStreaming)}${short(method.inputType)}) returns (${stream(method.serverStreaming)}${short(method.outputType)})`;
      parts.push(`### ${method.name}`, `\`\`\`proto\n${call}\n\`\`\``, at(FIELDS.service, index, FIELDS.member, number));
    }
  }
  for (const [index, message] of file.messageType.entries()) {
    parts.push(
      `## ${message.name}`,
      at(FIELDS.message, index),
      fieldTable(message, (number) => at(FIELDS.message, index, FIELDS.member, number)),
    );
  }
  for (const [index, one] of file.enumType.entries()) {
    const rows = one.value.map(
      (value, number) => `| ${value.number ?? 0} | \`${value.name}\` | ${cell(at(FIELDS.enum, index, FIELDS.member, number))} |`,
    );
    parts.push(`## ${one.name}`, at(FIELDS.enum, index), ["| number | value | meaning |", "| ---: | --- | --- |", ...rows].join("\n"));
  }
  return `${parts.filter((part) => part !== "").join("\n\n")}\n`;
}

function descriptor() {
  const buf = join(PACKAGE, "node_modules/@bufbuild/buf/bin/buf");
  const { stdout, stderr, status } = spawnSync(process.execPath, [buf, "build", "-o", "-#format=json"], {
    cwd: PACKAGE,
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  if (status !== 0) throw new Error(`buf build failed: ${stderr}`);
  return JSON.parse(stdout).file.find(({ name }) => name === FILE);
}

/** Leading comments by path, such as `4.0.2.1` for the second field of the first message; `syntax` is that of the file. */
function commentsOf({ sourceCodeInfo }) {
  const comments = new Map();
  for (const { path = [], leadingComments, trailingComments } of sourceCodeInfo.location) {
    const text = leadingComments ?? trailingComments;
    if (text !== undefined)
      comments.set(path.length === 1 && path[0] === 12 ? "syntax" : path.join("."), text.replaceAll(/^ /gm, "").trim());
  }
  return comments;
}

function fieldTable({ name, field = [], oneofDecl = [] }, commentOf) {
  if (field.length === 0) return `\`${name}\` has no fields.`;
  const rows = field.map((one, number) => {
    const choice = one.oneofIndex === undefined || one.proto3Optional ? "" : ` One of \`${oneofDecl[one.oneofIndex].name}\`.`;
    return `| ${one.number} | \`${one.name}\` | ${typeOf(one)} | ${cell(commentOf(number))}${choice} |`;
  });
  return ["| number | field | type | meaning |", "| ---: | --- | --- | --- |", ...rows].join("\n");
}

function typeOf({ type, typeName, label }) {
  const repeated = label === "LABEL_REPEATED" ? "repeated " : "";
  if (Object.hasOwn(TYPES, type)) return `${repeated}[\`${short(typeName)}\`](#${short(typeName).toLowerCase()})`;
  return `${repeated}\`${type.replace("TYPE_", "").toLowerCase()}\``;
}

const short = (name) => name.split(".").at(-1);
const stream = (isStream) => (isStream ? "stream " : "");
const cell = (text) => text.replaceAll(/\s+/g, " ").replaceAll("|", "\\|");

import { writeFile } from "node:fs/promises";
import { homedir, release } from "node:os";
import { systemReason } from "@parley/core/internal";
import { CliError } from "../cli-error.ts";
import { CONTEXT_VARIABLES, type Variables } from "../settings/contexts.ts";
import type { DoctorContext, DoctorReport } from "./check.ts";

/** The file of `parley doctor --bundle`: everything for a bug report, without keys. */
export interface DoctorBundle {
  /** ISO 8601. */
  readonly time: string;
  readonly cliVersion: string;
  readonly node: string;
  readonly platform: string;
  /** Variables of agents by place. Keys: only how long they are. */
  readonly settings: readonly { readonly place: string; readonly used: boolean; readonly variables: Readonly<Record<string, string>> }[];
  readonly report: DoctorReport;
}

/** Variables that are not shown. Addresses of admin servers have their tokens. */
const SECRET = /KEY$|ADMIN_URL$/;

/** @throws CliError `bundle_unwritable` */
export async function writeBundle(path: string, context: DoctorContext, report: DoctorReport): Promise<void> {
  const { source, others } = context.settings;
  const places = [...(source === undefined ? [] : [source]), ...others];
  const bundle: DoctorBundle = {
    time: new Date().toISOString(),
    cliVersion: context.cliVersion,
    node: context.nodeVersion,
    platform: `${process.platform} ${process.arch} ${release()}`,
    settings: places.map((place) => ({ place: place.name, used: place === source, variables: redacted(place.variables) })),
    report,
  };
  const home = context.environment["HOME"] ?? homedir();
  const secrets = places.flatMap(({ variables }) => secretsOf(variables));
  try {
    // Once more over the whole text: a server may quote a key in an error.
    await writeFile(path, `${redact(JSON.stringify(bundle, undefined, 2), secrets, home)}\n`, { mode: 0o600 });
  } catch (error) {
    throw new CliError("bundle_unwritable", `${path} cannot be written: ${systemReason(error)}`, {
      remedy: "name another file",
      cause: error,
    });
  }
}

function redacted(variables: Variables): Record<string, string> {
  return Object.fromEntries(
    CONTEXT_VARIABLES.flatMap((name) => {
      const value = variables[name];
      if (value === undefined) return [];
      return [[name, SECRET.test(name) ? `set, ${value.length} characters` : withoutCredentials(value)]];
    }),
  );
}

function withoutCredentials(text: string): string {
  return text.replace(/\/\/[^/@\s]*@/, "//(credentials)@");
}

function secretsOf(variables: Variables): string[] {
  return CONTEXT_VARIABLES.flatMap((name) => (SECRET.test(name) ? secretsIn(variables[name] ?? "") : []));
}

/** A key, or the token in an address and the address. */
function secretsIn(value: string): string[] {
  const [, token = ""] = /#token=(.*)$/.exec(value) ?? [];
  return [value, token].filter((secret) => secret !== "");
}

function redact(text: string, secrets: readonly string[], home: string): string {
  let result = withoutCredentials(text);
  for (const secret of secrets) result = result.replaceAll(secret, "(key)");
  return home.length > 1 ? result.replaceAll(home, "~") : result;
}

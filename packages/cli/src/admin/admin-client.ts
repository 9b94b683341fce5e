import { isJsonObject } from "@parley/core";
import type { z } from "zod";
import { CliError, EXIT } from "../cli-error.ts";
import type { Runtime } from "../command/runtime.ts";
import { ADMIN_VARIABLES, adminUrlOf, findSettings, type ServerName } from "../settings/settings.ts";

/** Options of all commands that use an admin server. */
export interface AdminCommandOptions {
  readonly context?: string;
  /** Milliseconds. */
  readonly timeout: number;
}

/** Parameters of a read or an action; absent ones are left out. */
export type Parameters = Readonly<Record<string, string | undefined>>;

/** Calls the admin server of one server. */
export class AdminClient {
  readonly #source: ServerName;
  readonly #origin: string;
  readonly #token: string;
  readonly #version: string;
  readonly #signal: AbortSignal;

  private constructor(source: ServerName, { origin, hash }: URL, { version, signal }: { version: string; signal: AbortSignal }) {
    this.#source = source;
    this.#origin = origin;
    this.#token = hash.replace(/^#token=/, "");
    this.#version = version;
    this.#signal = signal;
  }

  /** The admin server of the settings. @throws CliError `not_configured`, `usage` */
  static async find(source: ServerName, runtime: Runtime, { context, timeout }: AdminCommandOptions): Promise<AdminClient> {
    const { environment, version } = runtime;
    const variable = ADMIN_VARIABLES[source].admin;
    const text = adminUrlOf(await findSettings({ environment, cwd: process.cwd(), context }), source);
    if (text === undefined) {
      throw new CliError("not_configured", `no admin server is known: ${variable} is not set where the settings of the server are`, {
        exit: EXIT.usage,
        remedy: `start the server with --admin-port and --admin-actions and set ${variable} to the address that it prints, or run \`parley dev\``,
      });
    }
    if (!URL.canParse(text)) throw new CliError("usage", `${variable} is not a URL`, { exit: EXIT.usage });
    return new AdminClient(source, new URL(text), { version, signal: AbortSignal.any([runtime.signal, AbortSignal.timeout(timeout)]) });
  }

  /** Asks a question. @throws CliError of the admin server */
  async read<T>(name: string, schema: z.ZodType<T>, parameters: Parameters = {}): Promise<T> {
    const given = Object.entries(parameters).filter((entry): entry is [string, string] => entry[1] !== undefined);
    const query = new URLSearchParams(given);
    return schema.parse(await this.#call(`/api/read/${this.#source}/${name}?${query.toString()}`));
  }

  /** Changes something. @throws CliError of the admin server */
  act(name: string, parameters: Parameters = {}): Promise<unknown> {
    return this.#call(`/api/act/${this.#source}/${name}`, JSON.stringify(parameters));
  }

  async #call(path: string, body?: string): Promise<unknown> {
    const response = await fetch(`${this.#origin}${path}`, {
      method: body === undefined ? "GET" : "POST",
      headers: {
        authorization: `Bearer ${this.#token}`,
        "user-agent": `parley/${this.#version}`,
        ...(body !== undefined && { "content-type": "application/json" }),
      },
      ...(body !== undefined && { body }),
      redirect: "manual",
      signal: this.#signal,
    }).catch((error: unknown) => {
      if (this.#signal.aborted)
        throw new CliError("timeout", "the admin server did not answer in time", { exit: EXIT.timedOut, cause: error });
      throw new CliError("network", `the admin server at ${this.#origin} can't be reached`, { exit: EXIT.unreachable, cause: error });
    });
    const value: unknown = await response.json().catch(() => undefined);
    if (response.ok) return value;
    const { code, error } = isJsonObject(value) ? value : {};
    const message = typeof error === "string" ? error : `the admin server answered HTTP ${response.status}`;
    const exit = response.status < 500 ? EXIT.refused : EXIT.failed;
    throw new CliError(typeof code === "string" ? code : "server_error", message.replaceAll(this.#token, "…"), { exit });
  }
}

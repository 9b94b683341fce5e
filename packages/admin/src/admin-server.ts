import { randomBytes } from "node:crypto";
import type { AdminRecorder, AdminSource, ServerConsole } from "@parley/server-kit";
import { listen } from "@parley/server-kit/http";
import type { FastifyInstance } from "fastify";
import { AdminApi, type PerformedAction } from "./admin-api.ts";
import { readConsoleFiles } from "./console-files.ts";
import { createHttp } from "./http.ts";
import { Journal } from "./journal.ts";
import { lensSource } from "./lens-source.ts";
import { Sampler } from "./sampler.ts";

/** Options of {@link createAdmin}. */
export interface AdminServerOptions {
  /** Port to listen on; `0` takes a free one. */
  readonly port: number;
  /** Address to bind. Default `127.0.0.1`: reachable from this machine only. */
  readonly host?: string | undefined;
  /** The token of each request. Default: 256 random bits. */
  readonly token?: string | undefined;
  /** Whether the console may change something. Default `false`. */
  readonly actions?: boolean | undefined;
  /** Whether the bodies of DIDComm messages are kept in memory and shown. Default `false`. */
  readonly bodies?: boolean | undefined;
  /** Directory in which agents of this user announce their lenses (`SKYTALE_LENS`). Default: none are shown. */
  readonly lenses?: string | undefined;
  /** Directory of the page's files. */
  readonly files: string;
  /** Name of the option that sets the port, for the error's message. Default `adminPort`. */
  readonly portOption?: string | undefined;
  /** Called after each action, and each attempt that failed, for the log. */
  readonly onAction?: ((action: PerformedAction) => void) | undefined;
  readonly onFailure?: ((error: unknown) => void) | undefined;
}

const LOOPBACK = ["127.0.0.1", "localhost", "[::1]"];
const WILDCARDS: ReadonlySet<string> = new Set(["0.0.0.0", "::", "[::]"]);

/**
 * Serves the console of one or more servers: attach them, then call {@link AdminServer.listen}. Every call needs the token and a `Host` of
 * this server; requests of pages of other origins are refused.
 */
export class AdminServer implements ServerConsole {
  readonly #options: AdminServerOptions;
  readonly #token: string;
  readonly #journal: Journal;
  readonly #sources = new Map<string, AdminSource>();
  readonly #sampler: Sampler;
  #http: FastifyInstance | undefined;
  #api: AdminApi | undefined;
  readonly #routes: string[] = [];
  #authority = "";
  #closing: Promise<void> | undefined;

  constructor(options: AdminServerOptions) {
    this.#options = options;
    this.#token = options.token ?? randomBytes(32).toString("base64url");
    this.#journal = new Journal({ keepsBodies: options.bodies === true });
    this.#sampler = new Sampler({ [Symbol.iterator]: () => this.#sources.values() });
  }

  /** The address to open, with the token after `#`, which browsers send nowhere. Empty before {@link AdminServer.listen}. */
  get url(): string {
    return this.#authority === "" ? "" : `http://${this.#authority}/#token=${this.#token}`;
  }

  get keepsBodies(): boolean {
    return this.#options.bodies === true;
  }

  attach(source: AdminSource): AdminRecorder {
    if (this.#sources.has(source.name)) throw new TypeError(`The admin server shows a server named "${source.name}" already`);
    this.#sources.set(source.name, source);
    return (event) => this.#journal.record(source.name, event);
  }

  /** Method and path of each route, such as `GET /api/info`; for tests. */
  get routes(): readonly string[] {
    return this.#routes;
  }

  /** Opens the port. @throws the system's error, with its remedy, when the port is not available. */
  async listen(): Promise<void> {
    const {
      port,
      host = "127.0.0.1",
      files,
      lenses,
      portOption = "adminPort",
      actions = false,
      bodies = false,
      onAction,
      onFailure,
    } = this.#options;
    const rules = { hosts: hostsOf(host), port: 0, token: this.#token };
    this.#api = new AdminApi({ journal: this.#journal, sampler: this.#sampler, sources: this.#sources, actions, bodies, onAction });
    // After the servers, which are more important.
    if (lenses !== undefined) this.attach(lensSource(lenses));
    this.#http = createHttp({
      api: this.#api,
      files: await readConsoleFiles(files),
      rules: () => rules,
      onRoute: (route) => this.#routes.push(route),
      onFailure: onFailure ?? (() => undefined),
    });
    this.#authority = await listen(this.#http, { port, host, option: portOption });
    rules.port = Number(new URL(`http://${this.#authority}`).port || 80);
    this.#sampler.start();
  }

  /** Ends all streams and closes the port. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#sampler.stop();
    this.#api?.close();
    await this.#http?.close();
  }
}

/** Names of a server in `Host`: its address, and those of the loopback if it is bound there. */
function hostsOf(host: string): readonly string[] {
  const name = host.includes(":") && !host.startsWith("[") ? `[${host}]` : host.toLowerCase();
  return LOOPBACK.includes(name) || WILDCARDS.has(name) ? LOOPBACK : [name];
}

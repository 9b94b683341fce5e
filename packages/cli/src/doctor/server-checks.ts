import { lookup } from "node:dns/promises";
import { connect, isIP } from "node:net";
import { connect as connectTls } from "node:tls";
import { isJsonObject, type JsonObject } from "@parley/core";
import { isLocalhostName, systemCode, systemReason } from "@parley/core/internal";
import { EXIT, type ExitCode } from "../cli-error.ts";
import type { Variables } from "../settings/contexts.ts";
import { readServerUrl } from "../settings/server-url.ts";
import { DEV } from "../settings/settings.ts";
import { failed, ok, skipped, warning, type Check, type CheckResult, type DoctorContext } from "./check.ts";

/** A server whose HTTP interface is checked. */
export interface HttpServerKind {
  /** Prefix of the ids of the checks. */
  readonly id: "node" | "api" | "relay";
  readonly title: string;
  readonly variable: "LAYR8_NODE_URL" | "SKYTALE_API_URL" | "SKYTALE_RELAY";
  /** How to start it. */
  readonly start: string;
  readonly defaultPort?: number;
}

/** Difference of the clocks above which a check warns: tokens and messages expire by both. In milliseconds. */
const MAX_CLOCK_DIFFERENCE_MS = 30_000;
/** Version of the HTTP interfaces that this command knows. */
const INTERFACE_VERSION = "1";
const MAX_TEXT = 200;

/** Whether a server is one of a running `parley dev`. */
export function isOfDev({ settings: { source, others } }: DoctorContext, variable: HttpServerKind["variable"]): boolean {
  const used = source?.variables[variable];
  return used !== undefined && [source, ...others].some((each) => each?.name === DEV && each.variables[variable] === used);
}

/** Checks of the address of a server: URL, name, port and TLS. */
export function addressChecks({ id, title, variable, start, defaultPort }: HttpServerKind): readonly Check[] {
  return [
    {
      id: `${id}-url`,
      title: `URL of ${title}`,
      needs: ["settings"],
      run: (context) => {
        const text = variablesOf(context)[variable];
        if (text === undefined) return skipped(`${variable} is not set`);
        const url = readServerUrl(text, defaultPort);
        if (url === undefined)
          return failed(`${variable} is not a URL of ${title}`, `set ${variable} to the URL that ${start} prints`, EXIT.usage);
        return ok(url.origin);
      },
    },
    {
      id: `${id}-reachable`,
      title: `connection to ${title}`,
      needs: [`${id}-url`],
      run: (context) => checkReachable(serverUrl(context, variable, defaultPort), { timeoutMs: context.timeoutMs, title, start, variable }),
    },
    {
      id: `${id}-tls`,
      title: `TLS of ${title}`,
      needs: [`${id}-reachable`],
      run: (context) => checkTls(serverUrl(context, variable, defaultPort), context.timeoutMs, variable),
    },
  ];
}

/** Checks of a server's HTTP interface: health, version and clock. */
export function httpChecks({ id, title, variable }: HttpServerKind): readonly Check[] {
  return [
    {
      id: `${id}-health`,
      title: `health of ${title}`,
      needs: [`${id}-tls`],
      run: async (context) => {
        const { status, body } = await get(serverUrl(context, variable), "/health", context.timeoutMs);
        const state = body?.["status"];
        if (status === 200 && state === "ok") return ok("ok");
        if (typeof state !== "string")
          return failed(`what answers there is not ${title} (HTTP ${status})`, `correct ${variable}`, EXIT.usage);
        const reason = body?.["reason"];
        const why = typeof reason === "string" ? `: ${reason.slice(0, MAX_TEXT)}` : "";
        return failed(`${title} reports "${state.slice(0, MAX_TEXT)}"${why}`, "see the log of the server", EXIT.unreachable);
      },
    },
    {
      id: `${id}-version`,
      title: `version of ${title}`,
      needs: [`${id}-health`],
      run: async (context) => {
        const { body } = await get(serverUrl(context, variable), "/openapi.json", context.timeoutMs);
        const info = body?.["info"];
        const version = isJsonObject(info) ? info["version"] : undefined;
        if (version === INTERFACE_VERSION) return ok(`interface ${version}, as this command ${context.cliVersion} needs`);
        const found =
          typeof version === "string" ? `has interface ${version.slice(0, MAX_TEXT)}` : "does not report the version of its interface";
        return failed(`${title} ${found}; this command ${context.cliVersion} needs ${INTERFACE_VERSION}`, "update the older of the two");
      },
    },
    {
      id: `${id}-clock`,
      title: `clock of ${title}`,
      needs: [`${id}-health`],
      run: async (context) => {
        const { date } = await get(serverUrl(context, variable), "/health", context.timeoutMs);
        if (date === undefined) return skipped("the server sends no date");
        const difference = Date.now() - date;
        if (Math.abs(difference) <= MAX_CLOCK_DIFFERENCE_MS) return ok("agrees with the clock of this machine");
        const seconds = Math.round(Math.abs(difference) / 1000);
        return warning(
          `the clock of this machine is ${seconds} s ${difference > 0 ? "ahead of" : "behind"} that of ${title}`,
          "synchronise both clocks (NTP): messages, tokens and credentials expire by them",
        );
      },
    },
  ];
}

export function variablesOf({ settings }: DoctorContext): Variables {
  return settings.source?.variables ?? {};
}

/** The URL of a check whose URL check has passed. */
export function serverUrl(context: DoctorContext, variable: HttpServerKind["variable"], defaultPort?: number): URL {
  const url = readServerUrl(variablesOf(context)[variable] ?? "", defaultPort);
  if (url === undefined) throw new TypeError(`${variable} is not a URL`);
  return url;
}

async function checkReachable(
  url: URL,
  {
    timeoutMs,
    title,
    start,
    variable,
  }: { readonly timeoutMs: number; readonly title: string; readonly start: string; readonly variable: string },
): Promise<CheckResult> {
  const host = hostOf(url);
  const name = isLocalhostName(host) ? "127.0.0.1" : host;
  if (isIP(name) === 0) {
    try {
      await lookup(name);
    } catch (error) {
      return failed(
        `the name ${host} has no address (${systemReason(error)})`,
        `correct ${variable}, or the DNS of this machine`,
        EXIT.unreachable,
      );
    }
  }
  const connected = await connectTo(name, portOf(url), timeoutMs);
  if (connected.ok) return ok(`port ${portOf(url)} of ${host} accepts connections`);
  const { error } = connected;
  const isRefused = systemCode(error) === "ECONNREFUSED";
  const found = isRefused ? `nothing listens on port ${portOf(url)} of ${host}` : `port ${portOf(url)} of ${host}: ${systemReason(error)}`;
  const exit: ExitCode = systemCode(error) === "ETIMEDOUT" ? EXIT.timedOut : EXIT.unreachable;
  return failed(
    found,
    isRefused ? `start ${title} with ${start}, or correct ${variable}` : "check the network between here and there",
    exit,
  );
}

/** Result of {@link connectTo}. */
type ConnectResult = { readonly ok: true } | { readonly ok: false; readonly error: Error };

/** Opens a TCP connection, and closes it. */
function connectTo(host: string, port: number, timeoutMs: number): Promise<ConnectResult> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (result: ConnectResult): void => {
      socket.destroy();
      resolve(result);
    };
    const fail = (error: Error): void => end({ ok: false, error });
    socket.setTimeout(timeoutMs, () => fail(Object.assign(new Error("no answer in time"), { code: "ETIMEDOUT" })));
    socket.once("connect", () => end({ ok: true }));
    socket.once("error", fail);
  });
}

function checkTls(url: URL, timeoutMs: number, variable: string): Promise<CheckResult> | CheckResult {
  const host = hostOf(url);
  if (url.protocol === "http:") {
    if (isLocalhostName(host) || host === "::1" || host.startsWith("127.")) return ok("not used: the server is on this machine");
    return warning(
      `not used, and ${host} is another machine: keys and messages are readable on the way`,
      `use an https, wss or grpcs URL in ${variable}`,
    );
  }
  return new Promise((resolve) => {
    const socket = connectTls({ host, port: portOf(url), timeout: timeoutMs, ...(isIP(host) === 0 && { servername: host }) });
    const end = (result: CheckResult): void => {
      socket.destroy();
      resolve(result);
    };
    socket.once("timeout", () => end(failed(`no TLS answer within ${timeoutMs} ms`, "check that this port speaks TLS", EXIT.timedOut)));
    socket.once("error", (error: Error & { readonly code?: string }) => {
      const remedy = "correct the certificate or the URL; for an authority of your own set NODE_EXTRA_CA_CERTS to its file";
      end(failed(`TLS fails: ${error.message.slice(0, MAX_TEXT)}${error.code === undefined ? "" : ` (${error.code})`}`, remedy));
    });
    socket.once("secureConnect", () => {
      const { valid_to: until } = socket.getPeerCertificate();
      end(ok(`${socket.getProtocol() ?? "TLS"}, certificate valid until ${until}`));
    });
  });
}

interface HttpAnswer {
  readonly status: number;
  /** Its JSON object, if it is one. */
  readonly body: JsonObject | undefined;
  /** `Date`, in milliseconds. */
  readonly date: number | undefined;
}

/** Calls a server. */
export async function get(url: URL, path: string, timeoutMs: number, headers: Record<string, string> = {}): Promise<HttpAnswer> {
  const response = await fetch(new URL(path, url), { headers, redirect: "manual", signal: AbortSignal.timeout(timeoutMs) });
  const date = Date.parse(response.headers.get("date") ?? "");
  const body: unknown = await response.json().catch(() => undefined);
  return { status: response.status, body: isJsonObject(body) ? body : undefined, date: Number.isNaN(date) ? undefined : date };
}

function hostOf(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, "$1");
}

function portOf(url: URL): number {
  return url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port);
}

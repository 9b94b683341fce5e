import { checkOptions, describeKind, IS_ANYTHING, IS_FUNCTION, IS_TELEMETRY, IS_TEXT, type OptionCheck } from "@parley/core/internal";
import { Envelope } from "../envelope.ts";
import type { EnvelopeChannels, EnvelopePort } from "../port.ts";
import { openingPort } from "./opening-port.ts";

/**
 * Checks a port argument. Detects the name of a channel, and the channels of an agent, which callers pass by mistake.
 *
 * @throws TypeError
 */
export function checkPort(port: EnvelopePort): EnvelopePort {
  const { send, receive, open } = membersOf<EnvelopePort & EnvelopeChannels>(port);
  if (typeof send === "function" && typeof receive === "function" && typeof open !== "function") return port;
  throw new TypeError(
    `A channel is needed: (manager, "org/namespace/service"), or its port, such as await manager.open(name); not ${describeKind(port)}`,
  );
}

/**
 * Checks an argument that must be the channels of an agent.
 *
 * @throws TypeError
 */
export function checkChannels<Channels extends Pick<EnvelopeChannels, "open">>(channels: Channels): Channels {
  if (typeof membersOf<EnvelopeChannels>(channels).open === "function") return channels;
  throw new TypeError(`The channels of an agent are needed, such as a channel manager, not ${describeKind(channels)}`);
}

/**
 * Reads the arguments `(port, options?)` or `(channels, name, options?)`.
 *
 * @throws TypeError the arguments match neither
 */
export function readPortArguments<Options extends object>(
  of: EnvelopePort | Pick<EnvelopeChannels, "open">,
  nameOrOptions: string | Options | undefined,
  options: Options | undefined,
): { readonly port: EnvelopePort; readonly options: Options | undefined } {
  if (typeof nameOrOptions === "string" && nameOrOptions !== "" && typeof membersOf<EnvelopeChannels>(of).open === "function") {
    return { port: openingPort(of as Pick<EnvelopeChannels, "open">, nameOrOptions), options };
  }
  if (typeof nameOrOptions !== "string") return { port: checkPort(of as EnvelopePort), options: nameOrOptions };
  throw new TypeError('A channel manager and the name of a channel are needed, such as (manager, "org/namespace/service")');
}

const IS_POSITIVE: OptionCheck = { expected: "a number greater than 0", is: (value) => typeof value === "number" && value > 0 };

/** Types of adapter options. All other options are checked by their readers. */
const CHECKS: Readonly<Record<string, OptionCheck>> = {
  onError: IS_FUNCTION,
  accepts: IS_FUNCTION,
  name: IS_TEXT,
  peer: IS_TEXT,
  server: IS_TEXT,
  telemetry: IS_TELEMETRY,
};

/**
 * Checks the names and types of adapter options.
 *
 * @throws TypeError naming the option.
 */
export function checkAdapterOptions(options: object, known: readonly string[]): void {
  const checkOf = (name: string): OptionCheck => CHECKS[name] ?? (/^max|Ms$/.test(name) ? IS_POSITIVE : IS_ANYTHING);
  checkOptions<object>(options, Object.fromEntries(known.map((name) => [name, checkOf(name)])));
}

/**
 * Checks an argument that must be an envelope.
 *
 * @throws TypeError
 */
export function checkEnvelope(envelope: Envelope): Envelope {
  if (envelope instanceof Envelope || typeof membersOf<Envelope>(envelope).serialize === "function") return envelope;
  throw new TypeError(`An Envelope is needed, not ${describeKind(envelope)}: new Envelope(Protocol.RAW, "text/plain", payload) makes one`);
}

function membersOf<T>(value: unknown): Partial<T> {
  return value ?? {};
}

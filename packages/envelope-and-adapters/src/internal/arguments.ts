import { Envelope } from "../envelope.ts";
import type { EnvelopeChannels, EnvelopePort } from "../port.ts";
import { kindOf } from "./kind-of.ts";
import { openingPort } from "./opening-port.ts";

/**
 * Checks what was passed as a port: a name, or all channels of an agent, would fail later and elsewhere.
 *
 * @throws TypeError
 */
export function checkPort(port: EnvelopePort): EnvelopePort {
  const { send, receive, open } = membersOf<EnvelopePort & EnvelopeChannels>(port);
  if (typeof send === "function" && typeof receive === "function" && typeof open !== "function") return port;
  throw new TypeError(`The port of one channel is needed, such as await manager.open(name), not ${kindOf(port)}`);
}

/** Checks what was passed as an agent's channels. @throws TypeError */
export function checkChannels<Channels extends Pick<EnvelopeChannels, "open">>(channels: Channels): Channels {
  if (typeof membersOf<EnvelopeChannels>(channels).open === "function") return channels;
  throw new TypeError(`The channels of an agent are needed, such as a channel manager, not ${kindOf(channels)}`);
}

/**
 * Reads the arguments `(port, options?)` or `(channels, name, options?)`.
 *
 * @throws TypeError neither was given.
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

/** Checks what was passed as an envelope. @throws TypeError */
export function checkEnvelope(envelope: Envelope): Envelope {
  if (envelope instanceof Envelope || typeof membersOf<Envelope>(envelope).serialize === "function") return envelope;
  throw new TypeError(`An Envelope is needed, not ${kindOf(envelope)}: new Envelope(Protocol.RAW, "text/plain", payload) makes one`);
}

function membersOf<T>(value: unknown): Partial<T> {
  return value ?? {};
}

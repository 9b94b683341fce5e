import type { EnvelopeChannels, EnvelopePort } from "../port.ts";

/**
 * Checks what was passed as a port: a name, or all channels of an agent, would fail later and elsewhere.
 *
 * @throws TypeError
 */
export function checkPort(port: EnvelopePort): EnvelopePort {
  const { send, receive, open } = membersOf<EnvelopePort & EnvelopeChannels>(port);
  if (typeof send === "function" && typeof receive === "function" && typeof open !== "function") return port;
  throw new TypeError("The port of one channel is needed, such as a channel manager's open(name) gives");
}

/** Checks what was passed as an agent's channels. @throws TypeError */
export function checkChannels<Channels extends Pick<EnvelopeChannels, "open">>(channels: Channels): Channels {
  if (typeof membersOf<EnvelopeChannels>(channels).open === "function") return channels;
  throw new TypeError("The channels of an agent are needed, such as a channel manager");
}

function membersOf<T>(value: unknown): Partial<T> {
  return value ?? {};
}

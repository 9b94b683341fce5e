import { Envelope, Protocol, type ChannelMessage } from "skytale";

/** A message in the form for models. */
export interface ShownMessage {
  readonly sender: string;
  readonly message: string;
  /** The protocol, unless it is a plain message. */
  readonly protocol?: string;
}

export function showMessage({ sender, data }: ChannelMessage): ShownMessage {
  const { protocol, payload } = Envelope.wrap(data);
  const shown = { sender: new TextDecoder().decode(sender), message: new TextDecoder().decode(payload) };
  return protocol === Protocol.RAW ? shown : { ...shown, protocol };
}

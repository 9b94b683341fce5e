import type { EnvelopeChannels, EnvelopePort, PortSendOptions, ReceivedEnvelope, ReceiveOptions } from "../port.ts";
import { abortable } from "@parley/core/internal";

/** A port that opens its channel on first use. If that fails, all uses throw the error. */
export function openingPort(channels: Pick<EnvelopeChannels, "open">, name: string): EnvelopePort {
  let opening: Promise<EnvelopePort> | undefined;
  const opened = (): Promise<EnvelopePort> => (opening ??= channels.open(name));
  return {
    async send(envelope, options: PortSendOptions = {}) {
      const port = await abortable(opened(), options.signal);
      await port.send(envelope, options);
    },
    receive: (options) => receiveFrom(opened(), options),
  };
}

async function* receiveFrom(opened: Promise<EnvelopePort>, options: ReceiveOptions = {}): AsyncGenerator<ReceivedEnvelope, undefined> {
  const { signal } = options;
  try {
    const port = await abortable(opened, signal);
    yield* port.receive(options);
  } catch (error) {
    if (signal?.aborted !== true) throw error;
  }
  return undefined;
}

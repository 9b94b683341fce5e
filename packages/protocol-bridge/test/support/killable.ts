import type { EnvelopePort, ReceivedEnvelope } from "@parley/envelope-and-adapters";

/** A port that simulates a crash: after `kill`, calls have no effect and sends in flight never resolve. */
export function killable(port: EnvelopePort): { readonly port: EnvelopePort; kill(): void } {
  let isKilled = false;
  const never = new Promise<never>(() => undefined);
  return {
    port: {
      send: (envelope, options) => (isKilled ? never : port.send(envelope, options).then(() => (isKilled ? never : undefined))),
      async *receive(options): AsyncGenerator<ReceivedEnvelope, undefined> {
        const left = new AbortController();
        const signal = AbortSignal.any([left.signal, ...(options?.signal === undefined ? [] : [options.signal])]);
        try {
          for await (const received of port.receive({ ...options, signal })) {
            if (isKilled) return undefined;
            const settle = async (): Promise<void> => (isKilled ? never : received.settle?.());
            yield received.settle === undefined ? received : { ...received, settle };
          }
        } finally {
          left.abort();
        }
        return undefined;
      },
    },
    kill: () => (isKilled = true),
  };
}

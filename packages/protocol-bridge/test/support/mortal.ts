import type { EnvelopePort, ReceivedEnvelope } from "@parley/envelope-and-adapters";

/** A port that dies at some point between a send and what follows it: nothing that is called afterwards has any effect. */
export function mortal(port: EnvelopePort): { readonly port: EnvelopePort; kill(): void } {
  let isDead = false;
  const never = new Promise<never>(() => undefined);
  return {
    port: {
      send: (envelope, options) => (isDead ? never : port.send(envelope, options).then(() => (isDead ? never : undefined))),
      async *receive(options): AsyncGenerator<ReceivedEnvelope, undefined> {
        const left = new AbortController();
        const signal = AbortSignal.any([left.signal, ...(options?.signal === undefined ? [] : [options.signal])]);
        try {
          for await (const received of port.receive({ ...options, signal })) {
            if (isDead) return undefined;
            const settle = async (): Promise<void> => (isDead ? never : received.settle?.());
            yield received.settle === undefined ? received : { ...received, settle };
          }
        } finally {
          left.abort();
        }
        return undefined;
      },
    },
    kill: () => (isDead = true),
  };
}

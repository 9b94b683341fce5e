// Agents that ask as fast as they can, in a process of their own.
import { Client, logErrors } from "layr8";
import { argument, rate, serve } from "./worker.ts";

/** The pairs of requester and responder; the node assigns a DID to requesters without one. */
interface Asking {
  readonly nodeUrl: string;
  readonly apiKey: string;
  readonly pairs: readonly { readonly agentDid?: string; readonly to: string }[];
}

/** `pairs` ask, one unless told; each has its share of the lanes. */
interface Question {
  readonly pairs?: number;
  readonly lanes: number;
  readonly durationMs: number;
  readonly length: number;
}

const { pairs, ...node } = argument() as Asking;
const clients = await Promise.all(
  pairs.map(async ({ agentDid, to }) => {
    const client = new Client({ ...node, ...(agentDid !== undefined && { agentDid }) }, logErrors());
    await client.connect();
    return { client, to };
  }),
);
serve({}, async ({ pairs: count = 1, lanes, durationMs, length }: Question) => {
  const body = { text: "x".repeat(length) };
  const rates = clients
    .slice(0, count)
    .map(({ client, to }) =>
      rate(lanes / count, durationMs, () =>
        client.request({ type: "https://layr8.io/protocols/echo/1.0/request", to, body }, { timeoutMs: 30_000 }),
      ),
    );
  return (await Promise.all(rates)).reduce((sum, each) => sum + each, 0);
});

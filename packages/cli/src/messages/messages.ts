import { randomUUID } from "node:crypto";
import { readJsonInput } from "../command/read-input.ts";
import type { Runtime } from "../command/runtime.ts";
import type { ReceiptOptions } from "layr8";
import { withAgent, type AgentOptions } from "./connect-agent.ts";
import { formatMessage, formatReceipt, messageOutput, receiptOutput, type PingOutput, type SentOutput } from "./message-output.ts";

const PING = "https://didcomm.org/trust-ping/2.0/ping";

/** Options of `parley send`. */
interface SendOptions extends AgentOptions {
  readonly until?: ReceiptOptions["until"];
}

/** Sends a message. Ends once the node has it on disk, or with the receipt that is waited for. */
export async function send(runtime: Runtime, options: SendOptions, to: string, type: string, given?: string): Promise<void> {
  const body = given === undefined ? {} : await readJsonInput(given, "the body");
  await withAgent(runtime, options, async (client) => {
    const id = randomUUID();
    const { until, timeout: timeoutMs } = options;
    if (until !== undefined) {
      const onReceipt: ReceiptOptions["onReceipt"] = (receipt) => runtime.output.data(receiptOutput(receipt), formatReceipt);
      await client.send({ id, type, to, body }, { until, timeoutMs, onReceipt, signal: runtime.signal });
      return;
    }
    await client.send({ id, type, to, body }, { signal: AbortSignal.any([runtime.signal, AbortSignal.timeout(options.timeout)]) });
    const sent: SentOutput = { id, from: client.did, to, type };
    runtime.output.data(sent, () => id);
  });
}

/** Sends a request and prints the response. */
export async function request(runtime: Runtime, options: AgentOptions, to: string, type: string, given?: string): Promise<void> {
  const body = given === undefined ? {} : await readJsonInput(given, "the body");
  await withAgent(runtime, options, async (client) => {
    const response = await client.request({ type, to, body }, { signal: runtime.signal });
    runtime.output.data(messageOutput(response), formatMessage);
  });
}

/** Measures the time of a trust ping. */
export async function ping(runtime: Runtime, options: AgentOptions, did: string): Promise<void> {
  await withAgent(runtime, options, async (client) => {
    const start = performance.now();
    await client.request({ type: PING, to: did, body: { response_requested: true } }, { signal: runtime.signal });
    const result: PingOutput = { did, ms: Math.round((performance.now() - start) * 10) / 10 };
    runtime.output.data(result, ({ ms }) => `${did}: its agent, or its node for it, answers in ${ms} ms`);
  });
}

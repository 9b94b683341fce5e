import { AdminError } from "@parley/admin";
import { ParleyError } from "@parley/core";
import { randomUUID } from "node:crypto";
import { readBody } from "./read-body.ts";

/** A message to try. */
interface Trial {
  readonly to?: string | undefined;
  readonly type?: string | undefined;
  /** JSON. Default `{}`. */
  readonly body?: string | undefined;
  /** DID of the sender. Default: the node assigns one. */
  readonly from?: string | undefined;
  readonly timeoutMs?: string | undefined;
  readonly isRequest: boolean;
}

/** The outcome of a message. */
export interface TrialResult {
  readonly id: string;
  readonly from: string;
  readonly ms: number;
  /** Of a request. */
  readonly response?: { readonly from: string; readonly type: string; readonly body: unknown } | undefined;
  readonly problem?: { readonly code: string; readonly reason: string } | undefined;
}

const DEFAULT_TIMEOUT_MS = 10_000;
const MAX_TIMEOUT_MS = 60_000;
/** Messages that are tried at the same time. */
const MAX_TRIALS = 8;
let trials = 0;

/**
 * Sends a message as an agent that exists only for that.
 *
 * @throws AdminError `malformed_request`, `too_many_trials`
 */
export async function tryMessage(environment: Readonly<NodeJS.ProcessEnv>, trial: Trial): Promise<TrialResult> {
  const { to = "", type = "", from = "", isRequest } = trial;
  if (to === "" || type === "") throw new AdminError(400, "malformed_request", "recipient and type are required");
  const body = readBody(trial.body ?? "");
  const timeoutMs = readTimeout(trial.timeoutMs);
  if (trials >= MAX_TRIALS) throw new AdminError(429, "too_many_trials", `${MAX_TRIALS} messages are being sent already`);
  const { Client } = await import("layr8");
  const { LAYR8_NODE_URL: nodeUrl = "", LAYR8_API_KEY: apiKey = "" } = environment;
  const client = new Client({ nodeUrl, apiKey, requestTimeoutMs: timeoutMs, ...(from !== "" && { agentDid: from }) }, () => undefined);
  const id = randomUUID();
  const start = performance.now();
  const elapsed = (): number => Math.round(performance.now() - start);
  trials += 1;
  try {
    await client.connect({ signal: AbortSignal.timeout(timeoutMs) });
    if (!isRequest) {
      await client.send({ id, type, to, body }, { signal: AbortSignal.timeout(timeoutMs) });
      return { id, from: client.did, ms: elapsed() };
    }
    const answer = await client.request({ id, type, to, body });
    return { id, from: client.did, ms: elapsed(), response: { from: answer.from ?? "", type: answer.type, body: answer.body } };
  } catch (error) {
    const { code, message } = ParleyError.from(error);
    return { id, from: didOf(client), ms: elapsed(), problem: { code, reason: message } };
  } finally {
    trials -= 1;
    await client.close();
  }
}

/** Empty before the node has assigned one. */
function didOf(client: { readonly did: string }): string {
  try {
    return client.did;
  } catch {
    return "";
  }
}

function readTimeout(text: string | undefined): number {
  const ms = text === undefined || text === "" ? DEFAULT_TIMEOUT_MS : Number(text);
  if (Number.isSafeInteger(ms) && ms > 0 && ms <= MAX_TIMEOUT_MS) return ms;
  throw new AdminError(400, "malformed_request", `the timeout must be 1 to ${MAX_TIMEOUT_MS} ms`);
}

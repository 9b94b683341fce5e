import { type Signal, signal } from "@preact/signals";
import { act, call, readPath, request } from "./api.ts";

/** A message that the waiting agent received. */
export interface TriedMessage {
  readonly seq: number;
  readonly time: number;
  readonly id: string;
  readonly type: string;
  readonly from?: string;
  readonly thread: string;
  /** JSON; cut off if `isCut`. */
  readonly body: string;
  readonly isCut: boolean;
  readonly answer?: { readonly type: string; readonly body: string; readonly ms: number; readonly problem?: string };
}

interface TriedState {
  readonly version: number;
  readonly isConnected: boolean;
  readonly messages: readonly TriedMessage[];
}

/** An agent that waits for messages, as long as this page is open. */
interface WaitAgent {
  readonly id: string;
  readonly did: string;
}

/** The agent of this page, and what it has received. They outlive the screen, and end with the page. */
export const waitAgent: Signal<WaitAgent | undefined> = signal(undefined);
export const waitState: Signal<TriedState | undefined> = signal(undefined);
export const waitError: Signal<string> = signal("");

const RETRY_MS = 1000;

/** Joins the node. @throws CallError */
export async function startWaiting(parameters: Readonly<Record<string, string>>): Promise<void> {
  waitError.value = "";
  waitState.value = undefined;
  const agent = await act<WaitAgent>("dev", "listen", parameters);
  waitAgent.value = agent;
  addEventListener("pagehide", leave);
  void follow(agent);
}

/** Leaves the node. What was received stays on the page. */
export async function stopWaiting(): Promise<void> {
  const agent = waitAgent.peek();
  waitAgent.value = undefined;
  removeEventListener("pagehide", leave);
  if (agent !== undefined) await act("dev", "stop-listening", { id: agent.id });
}

/** The browser sends it even while it closes the page. */
function leave(): void {
  const id = waitAgent.peek()?.id;
  if (id === undefined) return;
  const headers = { "content-type": "application/json" };
  void request("act/dev/stop-listening", { method: "POST", headers, body: JSON.stringify({ id }), keepalive: true }).catch(() => undefined);
}

/** Asks for what is new. Each call waits for it at the server, so this also works in a tab that is not shown. */
async function follow(agent: WaitAgent): Promise<void> {
  while (waitAgent.peek() === agent) {
    const since = waitState.peek()?.version;
    try {
      const state = await call<TriedState>(
        readPath("dev", "received", { id: agent.id, ...(since !== undefined && { since: String(since) }) }),
      );
      if (waitAgent.peek() === agent) waitState.value = state;
    } catch (error) {
      if (waitAgent.peek() !== agent) return;
      if ((error as { status?: number }).status === 404) {
        waitAgent.value = undefined;
        waitError.value = "The agent has left the node.";
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

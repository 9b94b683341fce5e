import type { Connection, ConnectOptions, Delivery, JsonObject } from "@parley/core";
import { onTestFinished } from "vitest";
import { PhoenixTransport, type PhoenixTransportOptions } from "../src/index.ts";
import { PhoenixServer } from "./phoenix-server.ts";
import { Recorder } from "./recorder.ts";

export const ALICE = "did:web:node.example:alice";
export const ALICE_TOPIC = `plugins:${ALICE}`;
export const MESSAGE: JsonObject = { id: "m1", type: "https://didcomm.org/basicmessage/2.0/message", body: {} };

/** Reconnects fast, so that tests don't wait. */
export const FAST = { initialMs: 10, maxMs: 20 } as const;

/** Starts a server that stops with the test. */
export async function startServer(): Promise<PhoenixServer> {
  const server = await PhoenixServer.start();
  onTestFinished(() => server.stop());
  return server;
}

export function transportTo(server: PhoenixServer, options: Partial<PhoenixTransportOptions> = {}): PhoenixTransport {
  return new PhoenixTransport({ nodeUrl: server.url, apiKey: "secret-key", backoff: FAST, ...options });
}

export interface Connected {
  readonly connection: Connection;
  readonly events: Recorder;
}

/** Connects, as Alice unless told otherwise, and closes with the test. */
export async function connect(transport: PhoenixTransport, options: Partial<ConnectOptions> = { did: ALICE }): Promise<Connected> {
  const events = new Recorder();
  const connection = await transport.connect({ protocols: ["https://didcomm.org/basicmessage/2.0"], events, ...options });
  onTestFinished(() => connection.close());
  return { connection, events };
}

/** The next delivery; fails when the iteration ends. */
export async function next(deliveries: AsyncIterator<Delivery>): Promise<Delivery> {
  const result = await deliveries.next();
  if (result.done === true) throw new Error("the deliveries ended");
  return result.value;
}

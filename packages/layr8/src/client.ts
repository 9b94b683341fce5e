import { Client as AgentClient, type ErrorHandler } from "@parley/didcomm-agent";
import { fromEnvironment, type Config } from "./env.ts";

/**
 * An agent: connects a DID to a node, handles messages, sends and requests.
 *
 * Errors that no caller can be told of go to `onError`, which is required so that none goes unnoticed; see `logErrors`.
 *
 * @throws TypeError when the node's URL or the API key is neither given nor in the environment.
 * @example
 * ```ts
 * import { Client, logErrors } from "layr8";
 *
 * const client = new Client({ agentDid: "did:web:localhost:echo" }, logErrors());
 * client.handle("https://layr8.io/protocols/echo/1.0/request", (message) => ({
 *   type: "https://layr8.io/protocols/echo/1.0/response",
 *   body: message.body,
 * }));
 * await client.connect();
 * ```
 */
export class Client extends AgentClient {
  constructor(config: Config, onError: ErrorHandler) {
    super(fromEnvironment(config), onError);
  }
}

/**
 * The protocols that envelopes name. Any other string is a protocol too: it travels unharmed, and nothing here reads it.
 *
 * | name | value | payload |
 * | --- | --- | --- |
 * | `RAW` | `raw` | plain bytes |
 * | `A2A` | `a2a` | [Agent2Agent](https://a2a-protocol.org/) |
 * | `MCP` | `mcp` | [Model Context Protocol](https://modelcontextprotocol.io/) |
 * | `SLIM` | `slim` | [Secure Low-Latency Interactive Messaging](https://github.com/agntcy/slim) |
 * | `DIDCOMM` | `didcomm` | [DIDComm](https://identity.foundation/didcomm-messaging/spec/v2.1/) plaintext, as JSON |
 */
export const Protocol = { RAW: "raw", A2A: "a2a", MCP: "mcp", SLIM: "slim", DIDCOMM: "didcomm" } as const;

/** The name of a protocol as it stands on the wire: one of {@link Protocol}'s values, or another that this package does not know. */
export type Protocol = (typeof Protocol)[keyof typeof Protocol] | (string & {});

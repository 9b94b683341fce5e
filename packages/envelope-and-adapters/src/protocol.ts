/**
 * Names of protocols. Envelopes can have any other name too; this package carries them without reading their payload.
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

/** The name of a protocol: one of {@link Protocol}'s values, or any other string. */
export type Protocol = (typeof Protocol)[keyof typeof Protocol] | (string & {});

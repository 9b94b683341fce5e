import { decodeFrame as decodeAtNode, encodeFrame } from "../../../../packages/layr8-node/src/phoenix/serializer.ts";
import { decodeFrame as decodeAtAgent, decodeReply } from "../../../../packages/transport-phoenix/src/frame.ts";
import { NodeTransportError } from "../../../../packages/core/src/index.ts";
import { tolerate, type OpenTarget } from "../../src/target.ts";

const SEEDS = [
  '["1","2","plugins:did:web:localhost:alice","message",{"id":"1","type":"https://layr8.io/protocols/echo/1.0/request","body":{}}]',
  '["1","1","plugins:","phx_join",{"payload_types":["*"],"did_spec":{"mode":"Create","storage":"ephemeral","type":"plugin"}}]',
  '[null,"3","phoenix","heartbeat",{}]',
  '[ null , 3 , "phoenix" , "heartbeat" , {} ]\n',
  '["1","2","plugins:did","ack",{"ids":["1","2"]}]',
  '["1","2","plugins:\\u0061","phx_reply",{"status":"ok","response":{"reason":"x"}}]',
];

const isRef = (value: unknown): boolean => value === null || typeof value === "string" || typeof value === "number";

/** Frames as the node reads them, compared with JSON.parse, and as agents do. */
export const open: OpenTarget = async () => ({
  format: "json",
  seeds: SEEDS.map((text) => new TextEncoder().encode(text)),
  work: { base: 20_000, perByte: 50 },
  async run(input) {
    const text = Buffer.from(input).toString();
    const atAgent = await tolerate([NodeTransportError], () => decodeAtAgent(text));
    if (atAgent !== undefined) decodeReply(atAgent.payload);
    const frame = decodeAtNode(text);
    if (frame === undefined) return;
    const { joinRef, ref, topic, event, payload } = frame;
    // The payload is parsed later; with another one the frame must be the same.
    const written = JSON.parse(encodeFrame(joinRef, ref, topic, event, "null")) as unknown[];
    const isSame = written.length === 5 && isRef(written[0]) && isRef(written[1]) && written[2] === topic && written[3] === event;
    if (!isSame) throw new Error("The echoed members of a frame are not a valid frame");
    const parsed = await tolerate([SyntaxError], () => JSON.parse(text) as unknown[]);
    const isPayload = (await tolerate([SyntaxError], () => [JSON.parse(payload) as unknown])) !== undefined;
    if (parsed === undefined) {
      if (isPayload) throw new Error("The node reads a frame that is not JSON");
      return;
    }
    if (parsed[2] !== topic || parsed[3] !== event) throw new Error("The node reads another topic or event than JSON.parse");
  },
});

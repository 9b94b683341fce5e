// Shared with the relay. Not a stable API.
export * as health from "../../gen/grpc/health/v1/health_pb.js";
export * as reflectionV1 from "../../gen/grpc/reflection/v1/reflection_pb.js";
export * as reflectionV1alpha from "../../gen/grpc/reflection/v1alpha/reflection_pb.js";
export * as contract from "../../gen/skytale/relay/v1/relay_pb.js";
export { statusOf } from "../grpc-status.ts";
export { asBuffer, asIs, GrpcWriter } from "../grpc-writer.ts";
export { kindNumber, kindOf } from "../kind.ts";
export {
  decodeClientFrame,
  encodeClientFrame,
  type ClientFrame,
  type Credit,
  type PublishBatch,
  type Subscribe,
} from "../wire/client-frame.ts";
export { FrameError } from "../wire/frame-error.ts";
export { MAX_PARTS } from "../wire/limits.ts";
export {
  decodeMessage,
  encodeEvicted,
  encodeMessage,
  recordedMessages,
  type OutgoingMessage,
  type WireMessage,
} from "../wire/message-codec.ts";
export { encodeRange } from "../wire/range-codec.ts";
export {
  decodeServerFrame,
  encodeAcks,
  encodeControl,
  encodeDelivery,
  type PublishAck,
  type PublishNack,
  type ServerFrame,
} from "../wire/server-frame.ts";

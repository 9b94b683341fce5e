import type { MethodDefinition } from "@grpc/grpc-js";

const asIs = (bytes: Buffer): Buffer => bytes;

/** The one method of the bare server: both ways a message is whatever bytes come. */
export const BARE_METHOD: MethodDefinition<Buffer, Buffer> = {
  path: "/bench.Bare/Pass",
  requestStream: true,
  responseStream: true,
  requestSerialize: asIs,
  requestDeserialize: asIs,
  responseSerialize: asIs,
  responseDeserialize: asIs,
};

/** Size of a message. */
export const PAYLOAD_BYTES = 1024;
/** What acknowledges a message. */
export const ACK: Buffer = Buffer.from("12345678");

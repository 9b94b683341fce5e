import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  type handleServerStreamingCall,
  type handleUnaryCall,
  type ServiceDefinition,
  type ServerWritableStream,
  status,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { contract, health } from "@parley/skytale-relay/internal";

/** A service to add to a gRPC server. */
export interface GrpcService {
  readonly definition: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
}

type Request = health.HealthCheckRequest;
type Status = health.HealthCheckResponse_ServingStatus;

/** Largest number of concurrent watches. Health checks need no token, so their number is bounded. */
const MAX_WATCHES = 1000;

/** `grpc.health.v1.Health` (https://grpc.io/docs/guides/health-checking/): for the server as a whole, and for the relay's service. */
export function healthService(isServing: () => Promise<boolean>): GrpcService & { stop(): void } {
  const watches = new Set<ServerWritableStream<Request, Status>>();
  const known = new Set(["", contract.RelayService.typeName, health.Health.typeName]);
  const { SERVING, NOT_SERVING, SERVICE_UNKNOWN } = health.HealthCheckResponse_ServingStatus;
  const statusNow = async (): Promise<Status> => ((await isServing().catch(() => false)) ? SERVING : NOT_SERVING);

  const check: handleUnaryCall<Request, Status> = ({ request }, callback) => {
    if (known.has(request.service)) void answerWith(statusNow, callback);
    else callback({ code: status.NOT_FOUND, details: "Unknown service" });
  };
  const watch: handleServerStreamingCall<Request, Status> = (call) => {
    if (watches.size >= MAX_WATCHES) {
      call.emit("error", { code: status.RESOURCE_EXHAUSTED, details: "Too many watch this server's health" });
      return;
    }
    if (known.has(call.request.service)) {
      watches.add(call);
      call.on("cancelled", () => watches.delete(call));
      void answerWith(statusNow, (_error, now) => watches.has(call) && call.write(now));
    } else {
      call.write(SERVICE_UNKNOWN);
    }
  };
  return {
    definition: { Check: method("Check", false), Watch: method("Watch", true) },
    implementation: { Check: check, Watch: watch },
    stop() {
      for (const call of watches) {
        call.write(NOT_SERVING);
        call.end();
      }
      watches.clear();
    },
  };
}

async function answerWith(status: () => Promise<Status>, callback: (error: null, status: Status) => void): Promise<void> {
  callback(null, await status());
}

function method(name: string, responseStream: boolean): ServiceDefinition[string] {
  const { HealthCheckRequestSchema, HealthCheckResponseSchema } = health;
  return {
    path: `/${health.Health.typeName}/${name}`,
    requestStream: false,
    responseStream,
    requestSerialize: (request: Request) => Buffer.from(toBinary(HealthCheckRequestSchema, request)),
    requestDeserialize: (bytes: Buffer) => fromBinary(HealthCheckRequestSchema, bytes),
    responseSerialize: (value: Status) =>
      Buffer.from(toBinary(HealthCheckResponseSchema, create(HealthCheckResponseSchema, { status: value }))),
    responseDeserialize: (bytes: Buffer) => fromBinary(HealthCheckResponseSchema, bytes).status,
  };
}

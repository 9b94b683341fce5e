import { create, createFileRegistry, type DescFile, fromBinary, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { type handleBidiStreamingCall, status } from "@grpc/grpc-js";
import { contract, health, reflectionV1, reflectionV1alpha } from "@parley/skytale-relay/internal";
import type { GrpcService } from "./health.ts";

type Request = reflectionV1.ServerReflectionRequest;
type Response = reflectionV1.ServerReflectionResponse;

/** What the relay's port serves. None of these files imports another. */
const FILES: readonly DescFile[] = [
  contract.file_skytale_relay_v1_relay,
  health.file_grpc_health_v1_health,
  reflectionV1.file_grpc_reflection_v1_reflection,
  reflectionV1alpha.file_grpc_reflection_v1alpha_reflection,
];

/** Server reflection (https://grpc.io/docs/guides/reflection/), v1 and v1alpha: the same messages under two names. */
export function reflectionServices(): GrpcService[] {
  return [reflectionV1.ServerReflection.typeName, reflectionV1alpha.ServerReflection.typeName].map((name) => ({
    definition: {
      ServerReflectionInfo: {
        path: `/${name}/ServerReflectionInfo`,
        requestStream: true,
        responseStream: true,
        requestSerialize: (request: Request) => Buffer.from(toBinary(reflectionV1.ServerReflectionRequestSchema, request)),
        requestDeserialize: (bytes: Buffer) => fromBinary(reflectionV1.ServerReflectionRequestSchema, bytes),
        responseSerialize: (response: Response) => Buffer.from(toBinary(reflectionV1.ServerReflectionResponseSchema, response)),
        responseDeserialize: (bytes: Buffer) => fromBinary(reflectionV1.ServerReflectionResponseSchema, bytes),
      },
    },
    implementation: { ServerReflectionInfo: info },
  }));
}

const info: handleBidiStreamingCall<Request, Response> = (call) => {
  call.on("data", (request: Request) => {
    // Reading pauses for a client that sends requests faster than it reads responses.
    if (!call.write(answer(request))) {
      call.pause();
      call.once("drain", () => call.resume());
    }
  });
  call.on("end", () => call.end());
  call.on("error", () => undefined);
};

function answer(request: Request): Response {
  return create(reflectionV1.ServerReflectionResponseSchema, {
    validHost: request.host,
    originalRequest: request,
    messageResponse: answerTo(request.messageRequest),
  });
}

function answerTo(asked: Request["messageRequest"]): Response["messageResponse"] {
  switch (asked.case) {
    case "listServices": {
      const service = FILES.flatMap((file) => file.services.map(({ typeName }) => ({ name: typeName })));
      return { case: "listServicesResponse", value: create(reflectionV1.ListServiceResponseSchema, { service }) };
    }
    case "fileByFilename":
      return fileAnswer(FILES.find((file) => `${file.name}.proto` === asked.value));
    case "fileContainingSymbol":
      return fileAnswer(fileOf(asked.value));
    case "fileContainingExtension":
    case "allExtensionNumbersOfType":
      return failure(status.NOT_FOUND, "Unknown extension");
    default:
      return failure(status.INVALID_ARGUMENT, "Nothing was asked for");
  }
}

const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: FILES.map((file) => file.proto) }));

/** The file of a service, a message, an enum, or a member of one. */
function fileOf(symbol: string): DescFile | undefined {
  const name = symbol.replace(/^\./, "");
  const found = registry.get(name) ?? registry.get(name.slice(0, Math.max(0, name.lastIndexOf("."))));
  return found === undefined ? undefined : FILES.find((file) => file.name === found.file.name);
}

function fileAnswer(file: DescFile | undefined): Response["messageResponse"] {
  if (file === undefined) return failure(status.NOT_FOUND, "Unknown file or symbol");
  const bytes = toBinary(FileDescriptorProtoSchema, file.proto);
  return { case: "fileDescriptorResponse", value: create(reflectionV1.FileDescriptorResponseSchema, { fileDescriptorProto: [bytes] }) };
}

function failure(errorCode: status, errorMessage: string): Response["messageResponse"] {
  return { case: "errorResponse", value: create(reflectionV1.ErrorResponseSchema, { errorCode, errorMessage }) };
}

import { create, createFileRegistry, fromBinary, fromJson, type JsonValue, toBinary, toJson } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { Client, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { health, reflectionV1 } from "@parley/skytale-relay/internal";
import { expect, it, onTestFinished } from "vitest";
import { CHANNEL, RelayHarness } from "./relay-harness.ts";

const asIs = (bytes: Buffer): Buffer => bytes;

/** A gRPC client that knows nothing of Parley: paths and bytes. */
async function connect(harness: RelayHarness): Promise<Client> {
  const { port } = await harness.listen();
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  onTestFinished(() => client.close());
  return client;
}

function unary(client: Client, path: string, request: Uint8Array, metadata = new Metadata()): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, asIs, asIs, Buffer.from(request), metadata, {}, (error, response) => {
      if (error === null && response !== undefined) resolve(response);
      else reject(error);
    });
  });
}

async function reflect(client: Client, version: string, messageRequest: reflectionV1.ServerReflectionRequest["messageRequest"]) {
  const call = client.makeBidiStreamRequest(
    `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
    asIs,
    asIs,
    new Metadata(),
    {},
  );
  const answered = new Promise<Buffer>((resolve, reject) => call.on("data", resolve).on("error", reject));
  const request = create(reflectionV1.ServerReflectionRequestSchema, { messageRequest });
  call.write(Buffer.from(toBinary(reflectionV1.ServerReflectionRequestSchema, request)));
  const answer = fromBinary(reflectionV1.ServerReflectionResponseSchema, await answered);
  call.end();
  return answer.messageResponse;
}

it.each(["v1", "v1alpha"])("a client that uses only reflection %s can publish and read", async (version) => {
  await using harness = new RelayHarness();
  const client = await connect(harness);
  const services = await reflect(client, version, { case: "listServices", value: "" });
  const names = services.case === "listServicesResponse" ? services.value.service.map(({ name }) => name) : [];
  expect(names.toSorted()).toEqual([
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
    "skytale.relay.v1.RelayService",
  ]);
  const found = await reflect(client, version, { case: "fileContainingSymbol", value: "skytale.relay.v1.RelayService" });
  const files = found.case === "fileDescriptorResponse" ? found.value.fileDescriptorProto : [];
  const file = files.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
  const registry = createFileRegistry(create(FileDescriptorSetSchema, { file }));
  const service = registry.getService("skytale.relay.v1.RelayService");
  const connectMethod = service?.methods.find(({ name }) => name === "Connect");
  if (service === undefined || connectMethod === undefined) throw new Error("The service has no Connect");

  const metadata = new Metadata();
  metadata.set("authorization", "Bearer stranger");
  const call = client.makeBidiStreamRequest(`/${service.typeName}/${connectMethod.name}`, asIs, asIs, metadata, {});
  const frames: JsonValue[] = [];
  const delivered = new Promise<void>((resolve, reject) => {
    call.on("error", reject);
    call.on("data", (bytes: Buffer) => {
      frames.push(toJson(connectMethod.output, fromBinary(connectMethod.output, bytes)));
      if (JSON.stringify(frames).includes('"deliveries"')) resolve();
    });
  });
  const send = (frame: JsonValue): void => {
    call.write(Buffer.from(toBinary(connectMethod.input, fromJson(connectMethod.input, frame))));
  };
  send({ subscribes: [{ subscription: 1, channel: CHANNEL, fromSequence: "1", credit: "1000" }] });
  const sent = { kind: "KIND_APPLICATION", epoch: "3", payload: "aGVsbG8=", idempotencyKey: "a2V5" };
  send({ publishes: [{ channel: CHANNEL, firstNumber: "1", messages: [sent] }], ping: "5" });
  await delivered;
  call.end();
  const merged = Object.assign({}, ...(frames as object[])) as Record<string, unknown>;
  expect(merged).toMatchObject({
    opened: { maxPayloadBytes: 1024 * 1024 },
    subscribed: [{ subscription: 1, nextSequence: "1", headSequence: "1" }],
    deliveries: [{ subscription: 1, firstSequence: "1", messages: [sent] }],
    acks: [{ firstNumber: "1", count: 1, firstSequence: "1" }],
    pong: "5",
  });
});

it("reflection finds files, messages and members, and reports unknown ones", async () => {
  await using harness = new RelayHarness();
  const client = await connect(harness);
  for (const symbol of [
    "skytale.relay.v1.Message",
    ".skytale.relay.v1.RelayService.Connect",
    "skytale.relay.v1.Kind",
    "grpc.health.v1.Health",
  ]) {
    expect((await reflect(client, "v1", { case: "fileContainingSymbol", value: symbol })).case).toBe("fileDescriptorResponse");
  }
  expect((await reflect(client, "v1", { case: "fileByFilename", value: "skytale/relay/v1/relay.proto" })).case).toBe(
    "fileDescriptorResponse",
  );
  for (const value of ["", "skytale", "no.such.Thing"]) {
    expect(await reflect(client, "v1", { case: "fileContainingSymbol", value })).toMatchObject({
      case: "errorResponse",
      value: { errorCode: status.NOT_FOUND },
    });
  }
  expect((await reflect(client, "v1", { case: "allExtensionNumbersOfType", value: "x" })).case).toBe("errorResponse");
  expect((await reflect(client, "v1", { case: undefined })).case).toBe("errorResponse");
});

it("health is reported without a token, and changes when the relay stops", async () => {
  await using harness = new RelayHarness();
  const client = await connect(harness);
  const { SERVING, NOT_SERVING, SERVICE_UNKNOWN } = health.HealthCheckResponse_ServingStatus;
  const request = (service: string): Buffer =>
    Buffer.from(toBinary(health.HealthCheckRequestSchema, create(health.HealthCheckRequestSchema, { service })));
  const statusOf = (bytes: Buffer): number => fromBinary(health.HealthCheckResponseSchema, bytes).status;
  for (const service of ["", "skytale.relay.v1.RelayService"]) {
    expect(statusOf(await unary(client, "/grpc.health.v1.Health/Check", request(service)))).toBe(SERVING);
  }
  await expect(unary(client, "/grpc.health.v1.Health/Check", request("no.such.Service"))).rejects.toMatchObject({ code: status.NOT_FOUND });

  const watch = (service: string) =>
    client.makeServerStreamRequest("/grpc.health.v1.Health/Watch", asIs, asIs, request(service), new Metadata(), {});
  const unknown = watch("no.such.Service");
  expect(statusOf(await new Promise<Buffer>((resolve) => unknown.once("data", resolve)))).toBe(SERVICE_UNKNOWN);
  unknown.on("error", () => undefined);
  unknown.cancel();
  const statuses: number[] = [];
  const watched = watch("");
  const first = new Promise<void>((resolve) => watched.once("data", () => resolve()));
  watched.on("data", (bytes: Buffer) => statuses.push(statusOf(bytes)));
  const over = new Promise<void>((resolve) => watched.on("end", resolve).on("error", () => resolve()));
  await first;
  await (await harness.listen()).close();
  await over;
  expect(statuses).toEqual([SERVING, NOT_SERVING]);
});

it.each<[string, Metadata]>([
  ["no token", new Metadata()],
  ["a token of another scheme", withAuthorization("Basic YWxpY2U=")],
  ["an empty token", withAuthorization("Bearer ")],
])("calls with %s are UNAUTHENTICATED", async (_what, metadata) => {
  await using harness = new RelayHarness();
  const client = await connect(harness);
  await expect(unary(client, "/skytale.relay.v1.RelayService/GetHeads", new Uint8Array(), metadata)).rejects.toMatchObject({
    code: status.UNAUTHENTICATED,
  });
  const call = client.makeBidiStreamRequest("/skytale.relay.v1.RelayService/Connect", asIs, asIs, metadata, {});
  const error = await new Promise<ServiceError>((resolve) => call.on("error", resolve).resume());
  expect(error.code).toBe(status.UNAUTHENTICATED);
});

it("a frame beyond the limit ends the stream, and only that", async () => {
  await using harness = new RelayHarness();
  const client = await connect(harness);
  const call = client.makeBidiStreamRequest("/skytale.relay.v1.RelayService/Connect", asIs, asIs, withAuthorization("Bearer alice"), {});
  const ended = new Promise<ServiceError>((resolve) => call.on("error", resolve).resume());
  call.write(Buffer.alloc(4 * 1024 * 1024 + 1));
  expect((await ended).code).toBe(status.RESOURCE_EXHAUSTED);
  expect(await harness.client("alice").heads([CHANNEL])).toEqual([{ first: 1, next: 1 }]);
});

function withAuthorization(value: string): Metadata {
  const metadata = new Metadata();
  metadata.set("authorization", value);
  return metadata;
}

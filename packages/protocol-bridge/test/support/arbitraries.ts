import { Envelope, Protocol } from "@parley/envelope-and-adapters";
import fc from "fast-check";
import { bytes } from "./messages.ts";

const words = fc.string({ unit: "grapheme", maxLength: 20 });
const base64 = fc.uint8Array({ maxLength: 40 }).map((data) => Buffer.from(data).toString("base64"));
const base64url = fc.uint8Array({ maxLength: 40 }).map((data) => Buffer.from(data).toString("base64url"));
const anyJson = fc.jsonValue({ maxDepth: 3 }).map((value) => JSON.parse(JSON.stringify(value)) as never);
const jsonObject = fc.dictionary(words, anyJson, { maxKeys: 3 }).map((value) => JSON.parse(JSON.stringify(value)) as Record<string, never>);

const details = fc.record(
  { filename: words, mediaType: fc.constantFrom("image/png", "audio/ogg", "x/y", "text/html"), metadata: jsonObject },
  { requiredKeys: [] },
);

/** Parts of A2A 1.0. */
export const parts = fc
  .oneof(fc.record({ text: words }), fc.record({ raw: base64 }), fc.record({ url: fc.webUrl() }), fc.record({ data: anyJson }))
  .chain((content) => details.map((more) => ({ ...content, ...more })));

const legacyParts = fc.oneof(
  fc.record({ kind: fc.constant("text"), text: words }),
  fc.record({ type: fc.constant("text"), text: words }),
  fc.record({ kind: fc.constant("data"), data: jsonObject }),
  fc.record({ kind: fc.constant("file"), file: fc.record({ bytes: base64, name: words }) }),
);

const neutral = fc.dictionary(fc.constantFrom("trace", "x"), anyJson, { maxKeys: 2 });

function withHeaders(envelope: Envelope, metadata: object, extra: object): Envelope {
  return new Envelope(envelope.protocol, envelope.contentType, envelope.payload, { ...envelope.metadata, ...metadata }, { ...extra });
}

const headers = fc.tuple(neutral, fc.dictionary(fc.constantFrom("hops", "via"), anyJson, { maxKeys: 2 }));

/** JSON with and without whitespace. */
const writing = fc.constantFrom(
  (value: object) => JSON.stringify(value),
  (value: object) => JSON.stringify(value, null, 1),
);

/** Envelopes of messages in contexts. */
export const a2aEnvelopes = (part: fc.Arbitrary<object> = fc.oneof(parts, legacyParts)): fc.Arbitrary<Envelope> =>
  fc
    .record(
      {
        messageId: fc.string({ minLength: 1, maxLength: 20 }),
        contextId: fc.constantFrom("", "c1"),
        taskId: fc.constantFrom("", "t1"),
        role: fc.constantFrom("ROLE_USER", "ROLE_AGENT", "user"),
        parts: fc.array(part, { minLength: 1, maxLength: 3 }),
        metadata: jsonObject,
        extensions: fc.array(words, { maxLength: 2 }),
        unheardOf: anyJson,
      },
      { requiredKeys: ["messageId", "role", "parts"] },
    )
    .chain((message) =>
      fc.tuple(writing, headers).map(([write, [metadata, extra]]) => {
        const envelope = new Envelope(Protocol.A2A, "application/json", bytes(write(message)), {
          "A2A-Version": "1.0",
          a2a: { agent: "a" },
        });
        return withHeaders(envelope, metadata, extra);
      }),
    );

/** Envelopes with SLIM payloads. */
export const slimEnvelopes: fc.Arbitrary<Envelope> = fc
  .tuple(
    fc.oneof(
      fc.tuple(
        fc.constantFrom("text/plain", "text/markdown; charset=utf-8", "application/json", "image/png"),
        fc.uint8Array({ maxLength: 60 }),
      ),
      fc.tuple(fc.constantFrom("text/plain", "text/html"), words.map(bytes)),
      fc.tuple(
        fc.constantFrom("application/json", "application/x+json"),
        fc.tuple(anyJson, writing).map(([value, write]) => bytes(write(value))),
      ),
    ),
    headers,
    fc.constantFrom({}, { mcp: { a: 1 } }, { a2a: { agent: "x" } }, { a2a: { call: "1", role: "server" }, "A2A-Version": "9" }),
  )
  .map(([[contentType, payload], [metadata, extra], own]) =>
    withHeaders(new Envelope(Protocol.SLIM, contentType, payload), { ...metadata, ...own }, extra),
  );

/** Envelopes of MCP sessions. */
export const mcpEnvelopes: fc.Arbitrary<Envelope> = fc
  .tuple(
    fc.oneof(
      fc.record({ jsonrpc: fc.constant("2.0"), id: fc.oneof(fc.nat(), words), method: words, params: jsonObject }),
      fc.record({ jsonrpc: fc.constant("2.0"), method: words }),
      fc.record({ jsonrpc: fc.constant("2.0"), id: fc.nat(), result: jsonObject }),
      fc.record({ jsonrpc: fc.constant("2.0"), id: fc.nat(), error: fc.record({ code: fc.integer(), message: words }) }),
    ),
    fc.constantFrom(
      { session: "s1", role: "client", event: "open" },
      { session: "s1", role: "client", server: "x", instance: "i" },
      { session: "s1", role: "server", instance: "i" },
    ),
    writing,
    headers,
  )
  .map(([message, address, write, [metadata, extra]]) =>
    withHeaders(new Envelope(Protocol.MCP, "application/json", bytes(write(message)), { mcp: address }), metadata, extra),
  );

const attachments = fc.record(
  {
    id: words,
    filename: words.filter((name) => name !== ""),
    media_type: fc.constantFrom("image/png", "x/y"),
    description: words,
    data: fc.oneof(
      fc.record({ json: anyJson }),
      fc.record({ base64: base64url }),
      fc.record({ base64 }),
      fc.record({ links: fc.array(fc.webUrl(), { minLength: 1, maxLength: 2 }) }),
      fc.record({ links: fc.array(fc.webUrl(), { minLength: 1, maxLength: 1 }), hash: words }),
    ),
  },
  { requiredKeys: ["data"] },
);

/** Envelopes of DIDComm plaintexts. */
export const didcommEnvelopes: fc.Arbitrary<Envelope> = fc
  .tuple(
    fc.record(
      {
        id: fc.uuid(),
        typ: fc.constant("application/didcomm-plain+json"),
        type: fc.constantFrom("https://didcomm.org/basicmessage/2.0/message", "https://layr8.io/protocols/echo/1.0/request"),
        from: fc.constant("did:web:a.example"),
        to: fc.constant(["did:web:b.example"]),
        thid: fc.uuid(),
        pthid: fc.uuid(),
        body: fc.oneof(fc.record({ content: words }), fc.record({ content: words, more: anyJson }), jsonObject),
        attachments: fc.array(attachments, { maxLength: 2 }),
        created_time: fc.nat(),
        unheardOf: anyJson,
      },
      { requiredKeys: ["id", "type", "body"] },
    ),
    writing,
    headers,
  )
  .map(([message, write, [metadata, extra]]) =>
    withHeaders(new Envelope(Protocol.DIDCOMM, "application/didcomm-plain+json", bytes(write(message))), metadata, extra),
  );

/** Numbers below a bound, the same for the same seed. */
export type Random = (below: number) => number;

export function pick<T>(random: Random, from: readonly T[]): T {
  return from[random(from.length)] as T;
}

/** JSON text of unexpected values: some too long, too deep, or invalid JSON. */
export const JUNK: readonly string[] = [
  "null",
  "true",
  "0",
  "-1",
  "1e999",
  "9007199254740993",
  '""',
  "[]",
  "{}",
  "[null]",
  '[""]',
  "[[]]",
  '{"":null}',
  '"\\ud800"',
  '"\\u0000"',
  '"__proto__"',
  '{"__proto__":{"did":"did:web:localhost:alice"}}',
  '{"constructor":{"prototype":{}}}',
  '"did:web:localhost:alice"',
  '["did:web:localhost:alice","did:web:localhost:bob"]',
  '{"toString":1,"length":-1}',
  "NaN",
  "undefined",
  "'single'",
  "{",
  "]",
  "[1,]",
  '{"a":1,"a":2}',
  "\u2028",
  "//",
  "",
  `"${"x".repeat(100_000)}"`,
  `${"[".repeat(20_000)}${"]".repeat(20_000)}`,
  `${'{"a":'.repeat(20_000)}1${"}".repeat(20_000)}`,
  `[${'"id",'.repeat(10_000)}""]`,
];

/** Changes some characters of a text: flipped, dropped, doubled, put in, cut off. */
export function mutate(text: string, random: Random): string {
  let mutated = text;
  for (let changes = 1 + random(3); changes > 0; changes--) {
    const at = random(mutated.length + 1);
    const [head, tail] = [mutated.slice(0, at), mutated.slice(at)];
    const insertion = pick(random, [
      '"',
      "\\",
      "[",
      "]",
      "{",
      "}",
      ",",
      ":",
      "\0",
      "\u00e9",
      "\u{1f600}",
      "\\u",
      "e",
      "null",
      String(random(1e9)),
    ]);
    mutated = pick(random, [
      head + insertion + tail,
      head + tail.slice(1),
      head + String.fromCharCode(random(0x300)) + tail.slice(1),
      head + tail.slice(0, 20) + tail,
      head,
    ]);
  }
  return mutated;
}

const PROTOCOL = "https://layr8.io/protocols/fuzz/1.0";

/** Members of frames that a node takes, as JSON text; every one may be replaced by junk. */
interface Template {
  readonly event: string;
  readonly payload: Readonly<Record<string, string>>;
}

/** @param did the sender. */
function templates(did: string): readonly Template[] {
  const message = {
    id: '"mallory-1"',
    type: `"${PROTOCOL}/note"`,
    from: JSON.stringify(did),
    to: '["did:web:localhost:bob"]',
    body: "{}",
    thid: '"alice-1"',
    pthid: '"alice-2"',
    created_time: "1700000000",
    expires_time: "99999999999",
    attachments: '[{"id":"1","data":{"json":{}}}]',
    trace_context: '{"traceparent":"00-0-0-00"}',
  };
  return [
    { event: "message", payload: message },
    { event: "message", payload: { ...message, type: '"https://didcomm.org/trust-ping/2.0/ping"' } },
    { event: "message", payload: { ...message, type: '"https://didcomm.org/discover-features/2.0/queries"', body: '{"queries":[]}' } },
    { event: "phx_join", payload: { payload_types: `["${PROTOCOL}"]`, reply_protocol: "true", did_spec: '{"mode":"Create"}' } },
    { event: "phx_leave", payload: {} },
    { event: "ack", payload: { ids: '["alice-1","alice-2","bob-1"]' } },
    { event: "dispatch_reply", payload: { message_id: '"alice-1"', status: '"pass"' } },
    { event: "dispatch_reply", payload: { status: '"handled"' } },
    { event: "heartbeat", payload: {} },
    { event: "phx_close", payload: {} },
    { event: "phx_reply", payload: { status: '"ok"', response: "{}" } },
  ];
}

/** A frame from a template, with junk in some of its members and sometimes mutated as text. */
export function junkFrame(did: string, random: Random): string {
  const { event, payload } = pick(random, templates(did));
  const junky = (value: string, odds: number) => (random(odds) === 0 ? pick(random, JUNK) : value);
  const members = Object.entries(payload).map(([name, value]) => `${JSON.stringify(name)}:${junky(value, 6)}`);
  const topic = pick(random, [
    `plugins:${did}`,
    `plugins:${did}`,
    "plugins:",
    "phoenix",
    "plugins:did:web:localhost:alice",
    "x".repeat(3000),
  ]);
  const frame = [
    junky("null", 5),
    junky(`"${random(50)}"`, 5),
    junky(JSON.stringify(topic), 8),
    junky(JSON.stringify(event), 10),
    junky(`{${members.join(",")}}`, 10),
  ];
  if (random(20) === 0) frame.splice(random(5), 1);
  const text = `[${frame.join(",")}]`;
  return random(4) === 0 ? mutate(text, random) : text;
}

import { gzipSync } from "node:zlib";
import { isJsonObject, type JsonObject } from "@parley/core";
import { DidError } from "@parley/did";
import { rejectionOf } from "@parley/test-assertions";
import { describe, expect, it } from "vitest";
import {
  BitstringStatusList,
  signCredential,
  signPresentation,
  StatusListCache,
  VcError,
  verifyCredential,
  verifyPresentation,
  type StatusListFetch,
  type VcErrorCode,
  type VerifyOptions,
} from "../../src/index.ts";
import { expectVcError } from "../expect-error.ts";
import { forgeCredential, FORMATS } from "../forge.ts";
import { credentialFor, makeParty, NOW, resolverOf } from "../parties.ts";

const URL = "https://issuer.example/status/1";
const INDEX = 94_567;
const issuer = makeParty("issuer");
const registrar = makeParty("registrar");
const resolver = resolverOf(issuer, registrar);
const now = (): number => NOW;

const revocation = BitstringStatusList.create({ id: URL, statusPurpose: "revocation" });
const clear = await revocation.toCredential({ issuer: issuer.did, validFrom: "2026-01-01T00:00:00Z" });
const entry = revocation.statusEntry(INDEX);

function credentialWith(credentialStatus: JsonObject | readonly JsonObject[]): JsonObject {
  return credentialFor(issuer, "did:x:subject", { credentialStatus });
}

/** Verifies a credential with a status, with this list at its URL. */
async function verifyWith(
  list: JsonObject,
  status: JsonObject | readonly JsonObject[] = entry,
  options: Partial<VerifyOptions> = {},
  signer = issuer,
): Promise<Awaited<ReturnType<typeof verifyCredential>>> {
  const published = await forgeCredential(list, signer, "compact_jwt");
  const signed = await forgeCredential(credentialWith(status), issuer, "compact_jwt");
  return verifyCredential(signed, { resolver, now, status: async () => published, ...options });
}

async function expectRefused(verification: Promise<unknown>, code: VcErrorCode): Promise<VcError> {
  return expectVcError(await rejectionOf(verification), code);
}

function subjectOf({ credentialSubject }: JsonObject): JsonObject {
  if (!isJsonObject(credentialSubject)) throw new Error("no subject");
  return credentialSubject;
}

/** The list with other members of its subject. */
function listWith(subject: JsonObject, members: JsonObject = {}): JsonObject {
  return { ...clear, credentialSubject: { ...subjectOf(clear), ...subject }, ...members };
}

function encoded(bytes: Uint8Array): string {
  return `u${gzipSync(bytes).toString("base64url")}`;
}

describe.each(FORMATS)("a credential with a status in %s", (format) => {
  it.each([
    ["revocation", "revoked"],
    ["suspension", "suspended"],
  ] as const)("is rejected once its %s is set, and not before", async (statusPurpose, code) => {
    const list = BitstringStatusList.create({ id: URL, statusPurpose });
    const credential = credentialWith(list.statusEntry(INDEX));
    const signed = await signCredential(credential, { key: issuer.key, format, now });
    const status: StatusListFetch = async () => signCredential(await list.toCredential(), { key: issuer.key, format, now });
    const verified = await verifyCredential(signed, { resolver, now, status });
    expect(verified).toMatchObject({ credential, statuses: [{ purpose: statusPurpose, value: 0 }] });
    list.set(INDEX - 1, true);
    list.set(INDEX + 1, true);
    await expect(verifyCredential(signed, { resolver, now, status })).resolves.toBeDefined();
    list.set(INDEX, true);
    await expectRefused(verifyCredential(signed, { resolver, now, status }), code);
    list.set(INDEX, false);
    await expect(verifyCredential(signed, { resolver, now, status })).resolves.toBeDefined();
  });

  it("is rejected without a way to fetch the list, unless the check is skipped", async () => {
    const signed = await signCredential(credentialWith(entry), { key: issuer.key, format, now });
    const error = await expectRefused(verifyCredential(signed, { resolver, now }), "status_unavailable");
    expect(error.retryable).toBe(false);
    const verified = await verifyCredential(signed, { resolver, now, status: "ignore" });
    expect(verified.statuses).toBeUndefined();
  });
});

describe("several statuses", () => {
  it("are all checked", async () => {
    const suspension = BitstringStatusList.create({ id: `${URL}/2`, statusPurpose: "suspension" });
    const lists = new Map([
      [URL, await forgeCredential(clear, issuer, "compact_jwt")],
      [`${URL}/2`, await forgeCredential(await suspension.toCredential({ issuer: issuer.did }), issuer, "json")],
    ]);
    suspension.set(7, true);
    const suspended = new Map(lists).set(
      `${URL}/2`,
      await forgeCredential(await suspension.toCredential({ issuer: issuer.did }), issuer, "json"),
    );
    const signed = await forgeCredential(credentialWith([entry, suspension.statusEntry(7)]), issuer, "compact_jwt");
    await expect(verifyCredential(signed, { resolver, now, status: async (url) => lists.get(url) ?? "" })).resolves.toBeDefined();
    await expectRefused(verifyCredential(signed, { resolver, now, status: async (url) => suspended.get(url) ?? "" }), "suspended");
  });

  it("are limited to 8", async () => {
    await expectRefused(verifyWith(clear, Array<JsonObject>(9).fill(entry)), "too_large");
  });
});

describe("a status entry", () => {
  it.each<[string, JsonObject, VcErrorCode]>([
    ["of an unknown type", { type: "StatusList2021Entry" }, "status_unsupported"],
    ["of an unknown purpose", { statusPurpose: "escalation" }, "status_unsupported"],
    ["without a purpose", { statusPurpose: undefined }, "status_invalid"],
    ["with an index that is a number", { statusListIndex: 1 }, "status_invalid"],
    ["with a negative index", { statusListIndex: "-1" }, "status_invalid"],
    ["with an index that is not a whole number", { statusListIndex: "1.5" }, "status_invalid"],
    ["with an index in another base", { statusListIndex: "0x10" }, "status_invalid"],
    ["with an index outside of the list", { statusListIndex: "131072" }, "status_invalid"],
    ["with an index beyond all lists", { statusListIndex: "9".repeat(400) }, "status_invalid"],
    ["without a list", { statusListCredential: undefined }, "status_invalid"],
    ["with a list that is a file", { statusListCredential: "file:///etc/passwd" }, "status_invalid"],
    ["with a list that is not a URL", { statusListCredential: "https://" }, "status_invalid"],
    ["with a size of none", { statusSize: 0 }, "status_invalid"],
    ["with a size of many", { statusSize: 9 }, "status_invalid"],
    ["with a size and no messages", { statusSize: 2 }, "status_invalid"],
    ["with messages that are too few", { statusSize: 2, statusMessage: [{ status: "0x0", message: "a" }] }, "status_invalid"],
    ["with messages of the wrong type", { statusMessage: [1, 2] }, "status_invalid"],
    [
      "with a status that has two messages",
      {
        statusMessage: [
          { status: "0x0", message: "a" },
          { status: "0x00", message: "b" },
        ],
      },
      "status_invalid",
    ],
    ["with a purpose of messages and none", { statusPurpose: "message" }, "status_invalid"],
  ])("%s is rejected", async (_, members, code) => {
    await expectRefused(verifyWith(listWith({ statusPurpose: ["revocation", "message"] }), { ...entry, ...members }), code);
  });

  it("with messages reports the current message", async () => {
    const bytes = new Uint8Array(131_072 / 4);
    // Index 5, two bits each: bits 10 and 11, that is, 0b10 in the second byte.
    bytes[1] = 0b0010_0000;
    const message = {
      ...entry,
      statusPurpose: "message",
      statusListIndex: "5",
      statusSize: 2,
      statusMessage: ["pending", "accepted", "rejected", "undefined"].map((text, i) => ({ status: `0x${i}`, message: text })),
    };
    const verified = await verifyWith(listWith({ statusPurpose: "message", encodedList: encoded(bytes) }), message);
    expect(verified.statuses).toEqual([{ purpose: "message", value: 2, message: "rejected" }]);
  });

  it("for a refresh does not reject the credential", async () => {
    const bytes = new Uint8Array(16_384).fill(0xff);
    const refresh = { ...entry, statusPurpose: "refresh" };
    const verified = await verifyWith(listWith({ statusPurpose: "refresh", encodedList: encoded(bytes) }), refresh);
    expect(verified.statuses).toEqual([{ purpose: "refresh", value: 1 }]);
  });
});

describe("a status list credential", () => {
  it.each<[string, JsonObject]>([
    ["that is not of its type", listWith({}, { type: ["VerifiableCredential"] })],
    ["whose subject is something else", listWith({ type: "Person" })],
    ["whose subject is many", { ...clear, credentialSubject: [subjectOf(clear)] }],
    ["for another purpose", listWith({ statusPurpose: "suspension" })],
    ["for no purpose", listWith({ statusPurpose: undefined })],
    ["with fewer than 131072 entries", listWith({ encodedList: encoded(new Uint8Array(16_383)) })],
    ["without a list", listWith({ encodedList: undefined })],
    ["with a list that is not multibase", listWith({ encodedList: encoded(new Uint8Array(16_384)).slice(1) })],
    ["with a list that is not gzip", listWith({ encodedList: "uAAAA" })],
    ["with a list that ends too soon", listWith({ encodedList: encoded(new Uint8Array(16_384)).slice(0, 20) })],
    ["with a list that is a bomb", listWith({ encodedList: encoded(new Uint8Array(64 * 1024 * 1024)) })],
    ["that was fetched from elsewhere", listWith({}, { id: "https://issuer.example/status/2" })],
    ["that has expired", listWith({}, { validUntil: "2026-02-01T00:00:00Z" })],
    ["that is not valid yet", listWith({}, { validFrom: "2026-04-01T00:00:00Z" })],
    ["that has a status of its own", listWith({}, { credentialStatus: entry })],
    ["with an invalid ttl", listWith({ ttl: "1" })],
  ])("%s is rejected", async (_, list) => {
    const error = await expectRefused(verifyWith(list), "status_invalid");
    expect(error.retryable).toBe(false);
  });

  it("of another issuer is accepted only if that issuer is trusted", async () => {
    const list = { ...clear, issuer: registrar.did };
    await expectRefused(verifyWith(list, entry, {}, registrar), "status_invalid");
    const trusted = { trustedStatusIssuers: [registrar.did] };
    await expect(verifyWith(list, entry, trusted, registrar)).resolves.toBeDefined();
  });

  it("that its issuer did not sign is rejected", async () => {
    await expectRefused(verifyWith(clear, entry, {}, registrar), "status_invalid");
  });

  it("can have no id, and several purposes", async () => {
    await expect(verifyWith(listWith({ statusPurpose: ["suspension", "revocation"] }, { id: undefined }))).resolves.toBeDefined();
  });

  it("that is too long is rejected", async () => {
    await expectRefused(verifyWith(clear, entry, { limits: { maxStatusListLength: 100 } }), "status_invalid");
    await expectRefused(verifyWith(clear, entry, { limits: { maxStatusListBytes: 1000 } }), "status_invalid");
  });

  it("whose issuer cannot be resolved now gives a retryable error", async () => {
    const list = { ...clear, issuer: registrar.did };
    const flaky = {
      resolve: (did: string) => (did === registrar.did ? Promise.reject(new DidError("timeout", "Late")) : resolver.resolve(did)),
    };
    const options = { resolver: flaky, trustedStatusIssuers: [registrar.did] };
    const error = await expectRefused(verifyWith(list, entry, options, registrar), "status_unavailable");
    expect(error.retryable).toBe(true);
  });
});

describe("fetching a status list", () => {
  it("gives a retryable error, unless the fetch function throws one that is not", async () => {
    const cause = new Error("no route");
    const error = await expectRefused(verifyWith(clear, entry, { status: () => Promise.reject(cause) }), "status_unavailable");
    expect(error).toMatchObject({ retryable: true, cause });
    const final = new VcError("status_unavailable", "Gone");
    const other = await expectRefused(verifyWith(clear, entry, { status: () => Promise.reject(final) }), "status_unavailable");
    expect(other.retryable).toBe(false);
  });

  it("rejects a response that is not a string", async () => {
    await expectRefused(verifyWith(clear, entry, { status: async () => undefined as never }), "status_invalid");
    await expectRefused(verifyWith(clear, entry, { status: async () => "<html>" }), "status_invalid");
  });

  it("times out even if the fetch function ignores its signal", async () => {
    const status: StatusListFetch = () => new Promise<never>(() => {});
    await expectRefused(verifyWith(clear, entry, { status, statusTimeoutMs: 1 }), "status_unavailable");
  });

  it("rejects with the caller's reason after an abort", async () => {
    const abort = new AbortController();
    const reason = new Error("enough");
    const status: StatusListFetch = () => {
      abort.abort(reason);
      return new Promise<never>(() => {});
    };
    expect(await rejectionOf(verifyWith(clear, entry, { status, signal: abort.signal }))).toBe(reason);
  });

  it("requests the URL of the entry, with a size limit and a signal", async () => {
    const published = await forgeCredential(clear, issuer, "enveloped");
    const asked: unknown[] = [];
    const status: StatusListFetch = async (url, { maxBytes, signal }) => {
      asked.push([url, maxBytes, signal.aborted]);
      return `${published}\n`;
    };
    await verifyWith(clear, entry, { status });
    expect(asked).toEqual([[URL, 1_048_576, false]]);
  });
});

describe("a verified status list", () => {
  /** Counts fetches of a list, in calls at these times. */
  async function fetches(list: JsonObject, times: readonly number[], statusListCache?: StatusListCache): Promise<number> {
    let count = 0;
    const published = await forgeCredential(list, issuer, "compact_jwt");
    const status: StatusListFetch = async () => {
      count += 1;
      return published;
    };
    for (const time of times) {
      await verifyWith(list, entry, { status, now: () => NOW + time, ...(statusListCache !== undefined && { statusListCache }) });
    }
    return count;
  }

  it("is used for all credentials of one presentation", async () => {
    let count = 0;
    const published = await forgeCredential(clear, issuer, "compact_jwt");
    const signed = await signCredential(credentialWith(entry), { key: issuer.key, now });
    const presented = await signPresentation([signed, signed], { holder: issuer.did, key: issuer.key, now });
    const status: StatusListFetch = async () => {
      count += 1;
      return published;
    };
    await verifyPresentation(presented, { resolver, now, status });
    expect(count).toBe(1);
  });

  it("is not reused across calls without a cache", async () => {
    expect(await fetches(clear, [0, 0])).toBe(2);
  });

  it("is cached for 300000 ms without a ttl", async () => {
    expect(await fetches(clear, [0, 299_999], new StatusListCache({ maxAgeMs: 1e9 }))).toBe(1);
    expect(await fetches(clear, [0, 300_000], new StatusListCache({ maxAgeMs: 1e9 }))).toBe(2);
  });

  it("is cached until the earliest of its ttl, its validUntil and the maximum age", async () => {
    const cache = (): StatusListCache => new StatusListCache({ maxAgeMs: 5000 });
    expect(await fetches(listWith({ ttl: 1000 }), [0, 999], cache())).toBe(1);
    expect(await fetches(listWith({ ttl: 1000 }), [0, 1000], cache())).toBe(2);
    expect(await fetches(listWith({ ttl: 0 }), [0, 0], cache())).toBe(2);
    expect(await fetches(listWith({ ttl: 60_000 }), [0, 5000], cache())).toBe(2);
    expect(await fetches(listWith({ ttl: 60_000 }, { validUntil: "2026-03-01T12:00:02Z" }), [0, 2000], cache())).toBe(2);
  });

  it("is evicted by newer ones", async () => {
    const cache = new StatusListCache({ maxEntries: 1 });
    const other = BitstringStatusList.create({ id: `${URL}/2`, statusPurpose: "revocation" });
    const list = await other.toCredential({ issuer: issuer.did });
    expect(await fetches(clear, [0], cache)).toBe(1);
    await verifyWith(list, other.statusEntry(1), { statusListCache: cache });
    expect(await fetches(clear, [0], cache)).toBe(1);
  });

  it("is not cached if it was deleted while it was fetched, because it may have changed since", async () => {
    const cache = new StatusListCache();
    const [before, after] = [
      await forgeCredential(clear, issuer, "compact_jwt"),
      BitstringStatusList.create({ id: URL, statusPurpose: "revocation" }),
    ];
    after.set(INDEX, true);
    const changed = await forgeCredential(await after.toCredential({ issuer: issuer.did }), issuer, "compact_jwt");
    const signed = await signCredential(credentialWith(entry), { key: issuer.key, now });
    const options = { resolver, now, statusListCache: cache };
    const status: StatusListFetch = async () => {
      cache.delete(URL);
      return before;
    };
    expect((await verifyCredential(signed, { ...options, status })).holdsUntil).toBe(NOW);
    expectVcError(await rejectionOf(verifyCredential(signed, { ...options, status: async () => changed })), "revoked");
  });
});

import type { JsonObject } from "@parley/core";
import { describe, expect, it } from "vitest";
import { GrantWallet, type SelectGrants, type StoredCredential } from "../../src/index.ts";

const HOLDER = "did:web:a.example";
const SHOP = "did:web:shop.example";
const MCP = "https://layr8.io/protocols/mcp/1.0";
const call = { to: [SHOP], type: `${MCP}/tools-call`, body: { params: { name: "read_email" } } };

interface Stored {
  readonly scope?: JsonObject;
  readonly tools?: readonly string[];
  readonly validUntil?: string;
}

function stored(id: string, { scope = {}, tools, validUntil }: Stored = {}): StoredCredential {
  const claims = {
    id,
    type: ["VerifiableCredential", "VerifiableGrant"],
    credentialSubject: {
      id: HOLDER,
      scope: [{ protocol: MCP, messageTypes: ["tools-call"], resource: SHOP, ...scope }],
      ...(tools !== undefined && { grant: { tools } }),
    },
  };
  const jwt = ["e30", Buffer.from(JSON.stringify(claims)).toString("base64url"), `sig${id}`].join(".");
  return { id, holderDid: HOLDER, credentialJwt: jwt, ...(validUntil !== undefined && { validUntil }) };
}

function walletOf(...credentials: readonly StoredCredential[]): GrantWallet {
  return new GrantWallet({ read: () => Promise.resolve(credentials) });
}

async function idsFor(wallet: GrantWallet, subject: Parameters<SelectGrants>[0] = call): Promise<string[]> {
  return (await wallet.of(HOLDER))(subject).attached.map(({ id }) => id);
}

describe("a wallet of grants", () => {
  it.each<[JsonObject, boolean]>([
    [{}, true],
    [{ resource: undefined }, true],
    [{ resource: "*" }, true],
    [{ protocol: "*", messageTypes: ["*"] }, true],
    [{ resource: "did:web:shop.example:orders" }, false],
    [{ messageTypes: ["tools-list"] }, false],
    [{ messageTypes: "tools-call" }, false],
    [{ protocol: "https://layr8.io/protocols/mcp/1" }, false],
    [{ protocol: undefined }, false],
  ])("selects the grants whose scope covers a message: %j", async (scope, isSelected) => {
    expect(await idsFor(walletOf(stored("1", { scope })))).toEqual(isSelected ? ["1"] : []);
  });

  it("selects grants for any of several recipients", async () => {
    const wallet = walletOf(stored("1", { scope: { resource: "did:web:b.example" } }), stored("2"));
    expect(await idsFor(wallet, { ...call, to: [SHOP, "did:web:b.example"] })).toEqual(["1", "2"]);
  });

  it("skips credentials without a scope, and those that can't be read", async () => {
    const identity = { ...stored("1"), credentialJwt: `e30.${Buffer.from('{"credentialSubject":{}}').toString("base64url")}.sig` };
    expect(await idsFor(walletOf(identity, { ...stored("2"), credentialJwt: "a.b.c" }, stored("3")))).toEqual(["3"]);
  });

  it("orders grants in force before expired ones, then by tool, then by resource, then as they are stored", async () => {
    const wallet = walletOf(
      stored("expired", { tools: ["read_email"], validUntil: "2020-01-01T00:00:00Z" }),
      stored("other tool", { tools: ["send_email"] }),
      stored("any resource", { scope: { resource: "*" } }),
      stored("any tool"),
      stored("this tool", { tools: ["send_email", "read_email"] }),
      stored("any tool, too"),
    );
    const order = ["this tool", "any tool", "any tool, too", "any resource", "other tool", "expired"];
    expect(await idsFor(wallet)).toEqual(order);
  });

  it("selects 16 of more, and counts all that cover the message", async () => {
    const wallet = walletOf(...Array.from({ length: 20 }, (_, n) => stored(String(n), n === 19 ? { tools: ["read_email"] } : {})));
    const { attached, covering } = (await wallet.of(HOLDER))(call);
    expect([attached.length, covering, attached[0]?.id]).toEqual([16, 20, "19"]);
  });

  it("names a grant without an id by its signature", async () => {
    const claims = { credentialSubject: { scope: [{ protocol: "*", messageTypes: ["*"] }] } };
    const jwt = `e30.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.${"s".repeat(86)}`;
    expect(await idsFor(walletOf({ id: "row", holderDid: HOLDER, credentialJwt: jwt }))).toEqual([`urn:jws:${"s".repeat(32)}`]);
  });
});

describe("the cache of a wallet", () => {
  function counted(results: readonly (() => Promise<readonly StoredCredential[]>)[], options: { cacheMs?: number } = {}) {
    const clock = { now: 0 };
    const reads: string[] = [];
    const read = (holder: string): Promise<readonly StoredCredential[]> => {
      reads.push(holder);
      return (results[reads.length - 1] ?? (() => Promise.resolve([])))();
    };
    return { clock, reads, wallet: new GrantWallet({ read, now: () => clock.now, ...options }) };
  }

  it("is read once for concurrent calls, and again after its time", async () => {
    const { clock, reads, wallet } = counted([]);
    await Promise.all([wallet.of(HOLDER), wallet.of(HOLDER), wallet.of(HOLDER)]);
    expect(wallet.of(HOLDER)).toBeTypeOf("function");
    clock.now = 59_999;
    await wallet.of(HOLDER);
    expect(reads).toHaveLength(1);
    clock.now = 60_000;
    await wallet.of(HOLDER);
    await wallet.of("did:web:b.example");
    expect(reads).toEqual([HOLDER, HOLDER, "did:web:b.example"]);
  });

  it("keeps a failure for five seconds, or as long as a result if that is shorter", async () => {
    const failure = (): Promise<never> => Promise.reject(new Error("down"));
    const { clock, reads, wallet } = counted([failure]);
    for (const now of [0, 4999]) {
      clock.now = now;
      await expect(wallet.of(HOLDER)).rejects.toThrow("down");
    }
    expect(reads).toHaveLength(1);
    clock.now = 5000;
    await wallet.of(HOLDER);
    expect(reads).toHaveLength(2);
    const short = counted([failure], { cacheMs: 100 });
    await expect(short.wallet.of(HOLDER)).rejects.toThrow("down");
    short.clock.now = 100;
    await short.wallet.of(HOLDER);
    expect(short.reads).toHaveLength(2);
  });

  it("is empty after a refresh, also during a read", async () => {
    let release = (_credentials: readonly StoredCredential[]): void => undefined;
    const slow = new Promise<readonly StoredCredential[]>((resolve) => {
      release = resolve;
    });
    const { reads, wallet } = counted([() => slow, () => Promise.resolve([stored("new")])]);
    const old = wallet.of(HOLDER);
    wallet.refresh();
    const fresh = wallet.of(HOLDER);
    release([]);
    expect((await old)(call).attached).toEqual([]);
    expect((await fresh)(call).attached).toHaveLength(1);
    expect((await wallet.of(HOLDER))(call).attached).toHaveLength(1);
    expect(reads).toHaveLength(2);
    wallet.refresh(HOLDER);
    await wallet.of(HOLDER);
    expect(reads).toHaveLength(3);
  });
});

import { describe, expect, it } from "vitest";
import { readNodeOptions } from "../../../src/options.ts";
import { NO_GRANTS } from "../../../src/routing/authorize/grants/message-grants.ts";
import type { Policy } from "../../../src/routing/authorize/policy-options.ts";
import { Policies, type AccessRequest } from "../../../src/routing/authorize/policy.ts";

const EMPLOYEE = { issuer: "did:web:acme.example", types: ["VerifiableCredential", "EmployeeCredential"], subject: {} };
const TRADER = { issuer: "did:web:chamber.example:be", types: ["VerifiableCredential", "TraderCredential"], subject: {} };
const WANTS_EMPLOYEE = { type: "EmployeeCredential", issuers: ["did:web:acme.example"] };
const WANTS_TRADER = { type: "TraderCredential", issuers: ["did:web:chamber.example:*"] };

const APPROACH: AccessRequest = {
  sender: "did:web:acme.example:alice",
  recipient: "did:web:shop.example:orders",
  type: "https://shop.example/orders/1.0/created",
  credentials: [],
  grants: NO_GRANTS,
};

function kind(policies: readonly Omit<Policy, "did">[], changes: Partial<AccessRequest> = {}): string {
  return new Policies(policies.map((policy) => ({ did: "did:web:shop.example:*", ...policy }))).judge({ ...APPROACH, ...changes }).kind;
}

describe("the DIDs of policies", () => {
  it.each([
    ["did:web:spam.example:*", "did:web:spam.example:evil"],
    ["did:web:SPAM.example:*", "did:web:spam.example:evil"],
    ["did:web:spam.example:*", "did:web:SPAM.example:evil"],
    ["did:web:spam.example%3A443:*", "did:web:spam.example:evil"],
    ["did:web:spam.example:*", "did:web:spam.example%3A443:evil"],
    ["did:web:spam.example:*", "did:web:spam.example%3A8443:evil"],
    ["did:web:spam.example", "did:web:spam.example%3A8443"],
    ["did:web:spam.example:%65vil", "did:web:spam.example:evil"],
  ])("mean the same in every spelling: %s denies %s", (pattern, sender) => {
    expect(kind([{ deny: [pattern] }], { sender })).toBe("denied");
  });

  it("allow only the port that they name", () => {
    const allow = ["did:web:acme.example:*"];
    expect(kind([{ allow }], { sender: "did:web:acme.example%3A8443:alice" })).toBe("denied");
    expect(kind([{ deny: ["did:web:acme.example%3A8443:*"] }])).toBe("authorized");
  });

  it.each(["did:web:acme.example*", "acme.example", "did:*", "*:x", ""])("can't be %j", (pattern) => {
    const expected = `must be a DID, a prefix of DIDs that ends with ":*", or "*", not "${pattern}"`;
    expect(() => readNodeOptions({ policies: [{ did: "*", allow: [pattern] }] })).toThrow(`Option "policies[0].allow[0]" ${expected}`);
    expect(() => readNodeOptions({ policies: [{ did: pattern }] })).toThrow(`Option "policies[0].did" ${expected}`);
  });
});

describe("issuers of grants", () => {
  it.each([[[]], ["recipient"], [["recipients"]], [["did:web:acme.example*"]]])("can't be %j", (grantIssuers) => {
    const policies = [{ did: "*", grantIssuers }] as unknown as Policy[];
    expect(() => readNodeOptions({ policies })).toThrow('Option "policies[0].grantIssuers" must be a list of issuers of grants');
  });

  it("are considered for senders that allow does not name, and never overrule deny", () => {
    const grantIssuers = ["recipient"];
    expect(kind([{ grantIssuers }])).toBe("ungranted");
    expect(kind([{ grantIssuers, allow: [APPROACH.sender] }])).toBe("authorized");
    expect(kind([{ grantIssuers, allow: [APPROACH.sender], deny: [APPROACH.sender] }])).toBe("denied");
    expect(kind([{ grantIssuers }, { deny: [APPROACH.sender] }])).toBe("denied");
    const permitting = { permit: () => true, explain: () => [] };
    expect(kind([{ grantIssuers }], { grants: permitting })).toBe("authorized");
    expect(kind([{ grantIssuers, deny: ["*"] }], { grants: permitting })).toBe("denied");
    expect(kind([{ allow: [] }], { grants: permitting })).toBe("denied");
  });
});

describe("policies", () => {
  it.each<[string, readonly Omit<Policy, "did">[], Partial<AccessRequest>, string]>([
    ["no policy", [], {}, "authorized"],
    ["one that wants nothing", [{}], {}, "authorized"],
    ["an allowed sender", [{ allow: ["did:web:acme.example:*"] }], {}, "authorized"],
    ["a sender that isn't allowed", [{ allow: ["did:web:other.example"] }], {}, "denied"],
    ["nobody allowed", [{ allow: [] }], {}, "denied"],
    ["a sender that is both denied and allowed", [{ allow: ["*"], deny: [APPROACH.sender] }], {}, "denied"],
    ["a denied sender of one of two policies", [{ allow: ["*"] }, { deny: ["*"] }], {}, "denied"],
    ["a denied sender where the policy only marks", [{ deny: ["*"], enforce: false }], {}, "flagged"],
    ["one that marks and one that denies", [{ deny: ["*"], enforce: false }, { deny: ["*"] }], {}, "denied"],
    ["another recipient", [{ deny: ["*"] }], { recipient: "did:web:else.example" }, "authorized"],
    ["another protocol", [{ deny: ["*"], protocols: ["https://shop.example/returns/1.0"] }], {}, "authorized"],
    ["its protocol", [{ deny: ["*"], protocols: ["https://shop.example/orders/1.0"] }], {}, "denied"],
    ["its message type", [{ deny: ["*"], protocols: ["https://shop.example/orders/1.0/created"] }], {}, "denied"],
    ["a prefix of its protocol", [{ deny: ["*"], protocols: ["https://shop.example/*"] }], {}, "denied"],
    ["no credential where one is wanted", [{ credentials: [WANTS_EMPLOYEE] }], {}, "missing"],
    ["none where the policy only marks", [{ credentials: [WANTS_EMPLOYEE], enforce: false }], {}, "flagged"],
    ["the credential", [{ credentials: [WANTS_EMPLOYEE] }], { credentials: [TRADER, EMPLOYEE] }, "authorized"],
    [
      "its type by another issuer",
      [{ credentials: [WANTS_EMPLOYEE] }],
      { credentials: [{ ...EMPLOYEE, issuer: "did:web:acme.example:x" }] },
      "missing",
    ],
    [
      "its issuer with another type",
      [{ credentials: [WANTS_EMPLOYEE] }],
      { credentials: [{ ...TRADER, issuer: EMPLOYEE.issuer }] },
      "missing",
    ],
    ["an issuer by prefix", [{ credentials: [WANTS_TRADER] }], { credentials: [TRADER] }, "authorized"],
    ["one of two credentials", [{ credentials: [WANTS_EMPLOYEE, WANTS_TRADER] }], { credentials: [TRADER] }, "missing"],
    ["anybody's credential", [{ credentials: [{ type: "TraderCredential", issuers: ["*"] }] }], { credentials: [TRADER] }, "authorized"],
    ["a credential of a denied sender", [{ deny: ["*"], credentials: [WANTS_TRADER] }], { credentials: [TRADER] }, "denied"],
    [
      "a problem report without credentials",
      [{ credentials: [WANTS_TRADER] }],
      { type: "https://didcomm.org/report-problem/2.0/problem-report" },
      "missing",
    ],
    ["a problem report of a denied sender", [{ deny: ["*"] }], { type: "https://didcomm.org/report-problem/2.0/problem-report" }, "denied"],
  ])("make of %s", (_, policies, changes, expected) => {
    expect(kind(policies, changes)).toBe(expected);
  });

  it("name all missing credentials", () => {
    const policies = new Policies([
      { did: "*", credentials: [WANTS_EMPLOYEE, WANTS_TRADER] },
      { did: "*", credentials: [{ type: "Third", issuers: ["*"] }] },
    ]);
    expect(policies.judge({ ...APPROACH, credentials: [EMPLOYEE] })).toEqual({
      kind: "missing",
      missing: [WANTS_TRADER, { type: "Third", issuers: ["*"] }],
    });
  });

  it.each<[unknown, string]>([
    [{}, 'Option "policies[0].did" is missing: it must be a DID, a prefix'],
    [{ did: "*", deny: ["*"], protocols: ["echo"] }, 'Option "policies[0].protocols[0]" must be a protocol such as'],
    [{ did: "*", allow: "did:web:a" }, 'Option "policies[0].allow" must be a list'],
    [{ did: "*", deny: [7] }, 'Option "policies[0].deny[0]" must be a DID'],
    [{ did: "*", protocols: [""] }, 'Option "policies[0].protocols[0]" must be a protocol'],
    [{ did: "*", enforce: "no" }, 'Option "policies[0].enforce" must be true or false'],
    [{ did: "*", credentials: {} }, 'Option "policies[0].credentials" must be a list'],
    [{ did: "*", credentials: [{ issuers: ["*"] }] }, 'Option "policies[0].credentials[0].type" is missing'],
    [{ did: "*", credentials: [null] }, 'Option "policies[0].credentials[0]" must be an object, not null'],
    [{ did: "*", credentials: [{ type: "A" }] }, 'Option "policies[0].credentials[0].issuers" is missing'],
    [{ did: "*", credentials: [{ type: "A", issuers: [] }] }, 'Option "policies[0].credentials[0].issuers" must be a list of issuers'],
    [{ did: "*", credentials: [{ type: "A", issuers: ["x"] }] }, 'Option "policies[0].credentials[0].issuers" must be a list of issuers'],
  ])("that are malformed are rejected: %j", (policy, message) => {
    expect(() => readNodeOptions({ policies: [policy as Policy] })).toThrow(message);
  });
});

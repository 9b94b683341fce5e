import type { OptionCheck } from "@parley/core/internal";
import { option, type OptionShape, port, text, trueOrFalse } from "../options/option.ts";
import type { AdminHub } from "./admin-source.ts";

/** Options of a server's admin console. It is off without `adminPort`, unless a program passes a hub. */
export interface AdminOptions {
  readonly adminPort?: number;
  readonly adminHost?: string;
  readonly adminToken?: string;
  readonly adminActions?: boolean;
  readonly adminBodies?: boolean;
  readonly adminLenses?: string;
  readonly admin?: AdminHub;
}

const MIN_TOKEN_LENGTH = 16;
const IS_TOKEN: OptionCheck = {
  expected: `a text of at least ${MIN_TOKEN_LENGTH} characters`,
  is: (value) => typeof value === "string" && /^[\w.~-]+$/.test(value) && value.length >= MIN_TOKEN_LENGTH,
  isSecret: true,
};
const IS_HUB: OptionCheck = {
  expected: "an admin server of @parley/admin",
  is: (value) => typeof value === "object" && value !== null && "attach" in value && typeof value.attach === "function",
};

/** The schemas of {@link AdminOptions}, to add to those of a server. */
export function adminOptions(): OptionShape<AdminOptions> {
  return {
    adminPort: port().optional(),
    adminHost: text({ flag: "<address>" }).optional(),
    adminToken: option<string>(IS_TOKEN).optional(),
    adminActions: trueOrFalse({ flag: "" }).optional(),
    adminBodies: trueOrFalse({ flag: "" }).optional(),
    adminLenses: text({ flag: "<directory>" }).optional(),
    admin: option<AdminHub>(IS_HUB, { inConfig: false }).optional(),
  };
}

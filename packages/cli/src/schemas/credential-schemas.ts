import { z } from "zod";
import type { SignedOutput, StatusOutput, StoredOutput, VerifiedOutput, WalletOutput } from "../credentials/credential-output.ts";

const object = z.record(z.string(), z.json());

/** A signed credential. */
export const signedCredential: z.ZodType<SignedOutput> = z.strictObject({ signed: z.string() });

/** The new status of a credential. */
export const credentialStatus: z.ZodType<StatusOutput> = z.strictObject({ status: z.enum(["valid", "suspended", "revoked"]) });

/** A valid credential. */
export const verifiedCredential: z.ZodType<VerifiedOutput> = z.strictObject({ credential: object, headers: object });

/** A credential in a wallet. */
export const storedCredential: z.ZodType<StoredOutput> = z.strictObject({
  id: z.string(),
  holder: z.string(),
  issuer: z.string().optional(),
  validUntil: z.string().optional(),
  signed: z.string(),
});

/** The credentials in a wallet. */
export const wallet: z.ZodType<WalletOutput> = z.strictObject({ credentials: z.array(storedCredential) });

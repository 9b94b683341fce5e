import { type Signal, signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { call, canRead, readPath } from "./api.ts";
import { session } from "./session.ts";

/** An account of the skytale server. */
interface Account {
  readonly id: string;
  readonly name: string;
  readonly email: string;
}

const REFRESH_MS = 30_000;

const accounts: Signal<ReadonlyMap<string, Account>> = signal(new Map());

/** The name of an account, or the beginning of its id. */
export function accountName(id: string): string {
  return accounts.value.get(id)?.name ?? id.slice(0, 8);
}

/** All that is known of an account, for a tooltip. */
export function accountTitle(id: string): string {
  const account = accounts.value.get(id);
  return account === undefined ? id : `${account.name} <${account.email}> ${id}`;
}

/** Keeps the names of accounts. */
export function useAccounts(): void {
  const isThere = canRead("skytale", "accounts");
  const opened = session.value;
  useEffect(() => {
    if (!isThere) return undefined;
    const read = async (): Promise<void> => {
      const found = await call<{ accounts: readonly Account[] }>(readPath("skytale", "accounts")).catch(() => undefined);
      if (found !== undefined) accounts.value = new Map(found.accounts.map((account) => [account.id, account]));
    };
    void read();
    const timer = setInterval(() => void read(), REFRESH_MS);
    return () => clearInterval(timer);
  }, [isThere, opened]);
}

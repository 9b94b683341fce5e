import type { NodeVerifiers } from "./credentials/node-verifiers.ts";
import { NonceMemory } from "./credentials/nonce-memory.ts";
import { WalletChanges } from "./credentials/wallet-changes.ts";
import { Wallet } from "./credentials/wallet.ts";
import { ChildWatchers } from "./delegation/child-watchers.ts";
import { DelegatedGrants } from "./delegation/delegated-grants.ts";
import type { NodeLimits } from "./options.ts";
import type { Mailboxes } from "./routing/deliver/mailboxes.ts";
import type { Stores } from "./stores.ts";

/** Components of a node that its wallet uses. */
export interface WalletParts extends Pick<NodeVerifiers, "publisher"> {
  readonly stores: Stores;
  readonly limits: NodeLimits;
  readonly verifier: NodeVerifiers["local"];
  readonly mailboxes: Mailboxes;
  readonly onFailure: (error: unknown) => void;
}

/** The wallet of a node, and the children that get a new set of grants when the credentials of their parent change. */
export interface NodeWallet {
  readonly wallet: Wallet;
  readonly children: ChildWatchers;
}

/** Creates the wallet of a node. Changes of stored credentials, by any node that shares them, are announced to holders and children here. */
export function createNodeWallet({ stores, limits, verifier, publisher, mailboxes, onFailure }: WalletParts): NodeWallet {
  const { dids, credentials, statusLists, clock, shared } = stores;
  const children = new ChildWatchers(new DelegatedGrants({ dids, store: credentials, onFailure }));
  const announce = (did: string): void => {
    mailboxes.walletChanged(did);
    children.changed(did);
  };
  shared?.wallets.listen(announce, onFailure);
  const changes = new WalletChanges((did) => (shared === undefined ? announce(did) : shared.wallets.changed(did)));
  const wallet = new Wallet({
    dids,
    store: credentials,
    verifier,
    nonces: new NonceMemory({
      windowMs: limits.nonceWindowMs,
      maxEntries: limits.maxNonces,
      shared: shared?.nonces,
      expiryNow: () => clock.expiry(),
    }),
    statusLists,
    publisher,
    maxCredentialBytes: limits.maxCredentialBytes,
    onChanged: (did) => changes.changed(did),
  });
  return { wallet, children };
}
